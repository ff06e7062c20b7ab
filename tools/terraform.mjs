// What the texts of infra/terraform say, for its tests and its README. `node tools/terraform.mjs --write` puts the table of
// variables into the README.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../infra/terraform/', import.meta.url));

/** All .tf files by name. */
export function terraformFiles() {
  return Object.fromEntries(
    readdirSync(folder)
      .filter((name) => name.endsWith('.tf'))
      .map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  );
}

/** Variables as `{ name, type, default, description }`, in their order. */
function terraformVariables() {
  return [...terraformFiles()['variables.tf'].matchAll(/^variable "(\w+)" \{\n([\s\S]*?)^\}/gm)].map(
    ([, name, body]) => {
      const member = (key) => body.match(new RegExp(`^  ${key} +?= (.*)$`, 'm'))?.[1].trim();
      return { name, type: member('type'), default: member('default'), description: JSON.parse(member('description')) };
    },
  );
}

function variablesTable() {
  const rows = terraformVariables().map(
    (variable) => `| \`${variable.name}\` | \`${variable.default}\` | ${variable.description.replaceAll('|', '\\|')} |`,
  );
  return [
    '| variable | default | meaning |',
    '|---|---|---|',
    ...rows.map((row) => row.replace(/\^\(.*\)-USD\$/, 'the shipped list')),
  ].join('\n');
}

/** The README with its table made anew. */
export function withVariables(readme) {
  return readme.replace(
    /(<!-- variables:begin -->\n)[\s\S]*?(<!-- variables:end -->)/,
    (_, begin, end) => `${begin}${variablesTable()}\n${end}`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv[2] === '--write') {
  const path = join(folder, 'README.md');
  writeFileSync(path, withVariables(readFileSync(path, 'utf8')));
}
