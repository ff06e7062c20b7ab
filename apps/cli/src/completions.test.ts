import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { optionsOf } from './command.js';
import { commandTable } from './command-table.js';
import { shells } from './completions.js';
import { type BuiltCli, buildCli } from './testing/built-cli.js';

let cli: BuiltCli;
let home: string;
beforeAll(async () => {
  cli = await buildCli();
  home = await mkdtemp(join(tmpdir(), 'schemahub-home-'));
});
afterAll(async () => {
  await cli.remove();
  await rm(home, { recursive: true, force: true });
});

/** What the Tab key offers after these words; the last one is being typed. */
async function offered(...words: string[]): Promise<string[]> {
  const { code, out } = await cli.run(['complete', '--', ...words]);
  expect(code).toBe(0);
  // The last line is a directive to the shell's script.
  return out
    .trimEnd()
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t')[0]!);
}

describe('the Tab key', () => {
  it('offers every command', async () => {
    expect(await offered('')).toEqual(expect.arrayContaining(commandTable.map(({ name }) => name)));
  });

  it('offers the options of a command', async () => {
    const backfill = commandTable.find(({ name }) => name === 'backfill')!;
    const options = optionsOf(backfill).map(({ name }) => `--${name}`);
    expect(await offered('backfill', '--')).toEqual(expect.arrayContaining(options));
    expect(await offered('backfill', '--chunk-')).toEqual(['--chunk-concurrency']);
  });

  it('offers products of the list', async () => {
    expect(await offered('ingest', 'BT')).toEqual(['BTC-USD']);
  });
});

describe('schemahub complete', () => {
  it.each(shells)('prints a script for %s that asks the program', async (shell) => {
    const { code, out } = await cli.run(['complete', shell]);
    expect(code).toBe(0);
    expect(out).toMatch(/schemahub complete/i);
  });

  it('bash takes the script and offers what the program does', async () => {
    const script = `schemahub() { "${process.execPath}" "${cli.program}" "$@"; }
source <(schemahub complete bash)
_get_comp_words_by_ref() { cur="\${COMP_WORDS[COMP_CWORD]}"; words=("\${COMP_WORDS[@]}"); cword=$COMP_CWORD; } # bash-completion's
COMP_WORDS=(schemahub verif); COMP_CWORD=1; COMP_LINE='schemahub verif'; COMP_POINT=15
__schemahub_complete; echo "\${COMPREPLY[@]}"`;
    const { stdout } = await promisify(execFile)('bash', ['-c', script]);
    expect(stdout.trim()).toBe('verify');
  });

  it('--install writes where bash looks, and says where', async () => {
    const { code, out } = await cli.run(['complete', 'bash', '--install'], {
      environment: { HOME: home, XDG_DATA_HOME: '' },
    });
    expect(code).toBe(0);
    const file = join(home, '.local/share/bash-completion/completions/schemahub');
    expect(out).toContain(file);
    expect(await readFile(file, 'utf8')).toBe('source <(schemahub complete bash)\n');
  });

  it('says which shells there are', async () => {
    const { code, err } = await cli.run(['complete', 'tcsh']);
    expect(code).toBe(2);
    expect(err).toContain('bash, zsh, fish, powershell');
  });
});
