import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
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

  it('every command shown in the README exists', async () => {
    const readme = await readFile(new URL('README.md', root), 'utf8');
    const names = new Set(commandTable.map(({ name }) => name));
    const used = [...readme.matchAll(/^npx schemahub ([a-z-]+)/gm)].map((match) => match[1]!);
    expect(used.length).toBeGreaterThan(3);
    for (const name of used) expect(names.has(name), name).toBe(true);
  });
});
