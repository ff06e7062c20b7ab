// `node tools/layers.mjs --check` refuses imports that layers.mjs does not allow, and stale pictures of it.
// `node tools/layers.mjs --write` redraws docs/architecture.svg and the table in docs/architecture.md.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { layers } from '../layers.mjs';
import { checkLayers } from './layers/check.mjs';
import { drawPicture, drawTable } from './layers/picture.mjs';
import { readWorkspaces } from './layers/table.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const MARKS = ['<!-- layers:begin -->', '<!-- layers:end -->'];

/** The two generated texts, as they should be. */
function generate() {
  const workspaces = readWorkspaces(root);
  const packages = workspaces
    .filter(({ group }) => group === 'packages')
    .map(({ name, manifest }) => ({ name, description: manifest.description }));
  const others = workspaces.filter(({ group }) => group === 'internal' || group === 'apps').map(({ name }) => name);
  const page = join(root, 'docs/architecture.md');
  const text = readFileSync(page, 'utf8');
  const [begin, end] = MARKS.map((mark) => text.indexOf(mark));
  if (begin === -1 || end < begin)
    throw new Error(`docs/architecture.md must hold ${MARKS.join(' and ')}, in this order.`);
  const table = drawTable(layers, packages);
  return [
    [page, `${text.slice(0, begin)}${MARKS[0]}\n${table}\n${text.slice(end)}`],
    [
      join(root, 'docs/architecture.svg'),
      drawPicture(
        layers,
        packages.map(({ name }) => name),
        others,
      ),
    ],
  ];
}

function write() {
  for (const [path, text] of generate()) writeFileSync(path, text);
  console.log('docs/architecture.md and docs/architecture.svg are drawn from layers.mjs.');
  return 0;
}

async function check() {
  const { violations, files, packages } = await checkLayers({ root, layers });
  const stale = generate().filter(([path, text]) => !existsSync(path) || readFileSync(path, 'utf8') !== text);
  for (const { rule, from, to, help } of violations) console.error(`${rule}: ${from} -> ${to}\n    ${help}`);
  for (const [path] of stale)
    console.error(`stale: ${path.slice(root.length)} is not what layers.mjs says. Run \`pnpm layers:write\`.`);
  if (violations.length + stale.length > 0) {
    console.error(`layers: ${violations.length} violations, ${stale.length} stale files.`);
    return 1;
  }
  console.log(`layers: ${packages} packages, ${files} files, no violation.`);
  return 0;
}

const [mode, ...rest] = process.argv.slice(2);
if ((mode !== '--check' && mode !== '--write') || rest.length > 0) {
  console.error('usage: node tools/layers.mjs --check | --write');
  process.exit(2);
}
process.exitCode = mode === '--write' ? write() : await check();
