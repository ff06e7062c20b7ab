import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { optionsOf } from './command.js';
import { commandTable } from './command-table.js';
import { environmentTemplate } from './commands/init.js';
import { cliReference, configurationReference, exitCodeReference } from './reference.js';

const root = new URL('../../../', import.meta.url);

// `npx vitest run apps/cli/src/reference.test.ts -u` writes the files anew.
describe('facts stated twice', () => {
  it('docs/reference/cli.md is what the program says', async () => {
    await expect(cliReference(commandTable)).toMatchFileSnapshot('../../../docs/reference/cli.md');
  });

  it('docs/reference/configuration.md is what the program says', async () => {
    await expect(configurationReference()).toMatchFileSnapshot('../../../docs/reference/configuration.md');
  });

  it('docs/reference/exit-codes.md is what the program says', async () => {
    await expect(exitCodeReference()).toMatchFileSnapshot('../../../docs/reference/exit-codes.md');
  });

  it('.env.example lists every variable', async () => {
    await expect(environmentTemplate()).toMatchFileSnapshot('../../../.env.example');
  });

  it('every command and flag that a page tells a reader to type exists', async () => {
    const pages = (
      await Promise.all(['README.md', 'docs', 'infra', 'examples', 'packages', 'apps'].map(pagesOf))
    ).flat();
    const lines = (await Promise.all(pages.map(commandLines))).flat();
    expect(lines.length).toBeGreaterThan(200);
    expect(lines.flatMap(faultsOf)).toEqual([]);
  });

  it.each([
    ['schemahub bakfill BTC-USD', 'no command bakfill'],
    ['schemahub run pipeline coinbase --atomik', 'no flag --atomik of run'],
    ['schemahub query --snapshots 3', 'no flag --snapshots of query'],
  ])('a stale one would be seen: %s', (text, fault) => {
    expect(faultsOf({ page: 'page', text })).toEqual([`page: ${text}: ${fault}`]);
  });
});

interface CommandLine {
  readonly page: string;
  readonly text: string;
}

async function pagesOf(path: string): Promise<readonly string[]> {
  if (path.endsWith('.md')) return [path];
  const entries = await readdir(new URL(`${path}/`, root), { withFileTypes: true });
  const below = entries.map(({ name }) => `${path}/${name}`);
  const folders = below.filter((_, at) => entries[at]!.isDirectory() && !/node_modules|dist|\/\./.test(below[at]!));
  return [...below.filter((name) => name.endsWith('.md')), ...(await Promise.all(folders.map(pagesOf))).flat()];
}

/** What stands behind `schemahub` in code, blocks and spans, up to what ends a command. */
async function commandLines(page: string): Promise<readonly CommandLine[]> {
  const markdown = await readFile(new URL(page, root), 'utf8');
  const code = [...markdown.matchAll(/```[\s\S]*?```|`[^`\n]+`/g)].map(([text]) => text.replace(/^```\w*|`/g, ''));
  const found = code.flatMap((text) =>
    [...text.matchAll(/(?<![\w@/.-])schemahub(?: [^\n|;&>]+)/g)].map(([one]) => one),
  );
  return found.map((text) => ({ page, text: text.trim() }));
}

const specs = new Map(commandTable.map((spec) => [spec.name, spec]));

function faultsOf({ page, text }: CommandLine): readonly string[] {
  // SQL and other arguments in quotes are no flags.
  const [, command = '', ...words] = text.replace(/"[^"]*"|'[^']*'/g, '').split(/\s+/);
  if (!/^[a-z][a-z-]+$/.test(command)) return [];
  const spec = specs.get(command);
  if (spec === undefined) return command === 'help' ? [] : [`${page}: ${text}: no command ${command}`];
  const known = new Set(optionsOf(spec).flatMap(({ name, aliases = [] }) => [name, ...aliases]));
  const flags = words.flatMap((word) => /^--([a-z][a-z0-9-]*)/.exec(word)?.[1] ?? []);
  return flags
    .filter((flag) => !known.has(flag) && flag !== 'help')
    .map((flag) => `${page}: ${text}: no flag --${flag} of ${command}`);
}
