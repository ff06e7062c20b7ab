// The tables of docs/performance.md, made from bench/results: `node bench/page.mjs` writes them, a test compares them.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
export const pagePath = path('../docs/performance.md');
const BLOCK = /^<!-- bench:([\w-]+) -->\n[\s\S]*?^<!-- end -->$/gm;

/** Every committed result by the name of its bench: `{ command, date, machine, tables: [{ columns, rows }] }`. */
export function readResults() {
  const files = readdirSync(path('results')).filter((file) => file.endsWith('.json'));
  return new Map(
    files.map((file) => [file.replace('.json', ''), JSON.parse(readFileSync(path(`results/${file}`), 'utf8'))]),
  );
}

const line = (cells) => `| ${cells.join(' | ')} |`;

function block(name, { columns, rows }, { command, date, machine }) {
  const table = [line(columns), line(columns.map(() => '---')).replaceAll(' ', ''), ...rows.map(line)];
  return [`<!-- bench:${name} -->`, ...table, '', `\`${command}\` · ${date} · ${machine}`, '<!-- end -->'].join('\n');
}

/** The page with its tables as the results say; the n-th block of a bench shows its n-th table. Throws with a sentence. */
export function withResults(page, results) {
  const shown = new Map();
  const written = page.replace(BLOCK, (_, name) => {
    const at = shown.get(name) ?? 0;
    shown.set(name, at + 1);
    const table = results.get(name)?.tables[at];
    if (table === undefined)
      throw new Error(`docs/performance.md shows table ${at + 1} of ${name}: bench/results/${name}.json has none`);
    return block(name, table, results.get(name));
  });
  for (const [name, { tables }] of results)
    if ((shown.get(name) ?? 0) !== tables.length)
      throw new Error(
        `bench/results/${name}.json has ${tables.length} tables, docs/performance.md shows ${shown.get(name) ?? 0}: add or remove a block "<!-- bench:${name} -->" … "<!-- end -->"`,
      );
  return written;
}

/** Tables in what a bench printed. */
export function tablesOf(text) {
  const blocks = text.match(/^\|.*\|\n\|(?: *-+ *\|)+\n(?:\|.*\|(?:\n|$))+/gm) ?? [];
  return blocks.map((found) => {
    const [columns, , ...rows] = found
      .trim()
      .split('\n')
      .map((each) =>
        each
          .slice(1, -1)
          .split(/(?<!\\)\|/)
          .map((cell) => cell.trim()),
      );
    return { columns, rows };
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(pagePath, withResults(readFileSync(pagePath, 'utf8'), readResults()));
