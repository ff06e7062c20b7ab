import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { UsageError } from '@schemahub/runtime/config';
import { type CommandRun, isSet } from '../command.js';
import { createCompletions, type Shell, shells } from '../completions.js';
import { exitCodes } from '../exit-codes.js';
import { say } from '../text-table.js';

interface Place {
  /** File that the shell reads by itself, and what it holds; absent where a shell has no such place. */
  readonly file?: readonly [path: string, text: string] | undefined;
  /** Line for a shell's own start file. */
  readonly line: string;
}

function placeOf(shell: Shell, home: string, environment: Readonly<Record<string, string | undefined>>): Place {
  const data = environment.XDG_DATA_HOME || join(home, '.local/share');
  const config = environment.XDG_CONFIG_HOME || join(home, '.config');
  switch (shell) {
    case 'bash': {
      const line = 'source <(schemahub complete bash)';
      return { file: [join(data, 'bash-completion/completions/schemahub'), `${line}\n`], line };
    }
    case 'fish': {
      const line = 'schemahub complete fish | source';
      return { file: [join(config, 'fish/completions/schemahub.fish'), `${line}\n`], line };
    }
    case 'zsh':
      return { line: 'source <(schemahub complete zsh)' };
    case 'powershell':
      return { line: 'schemahub complete powershell | Out-String | Invoke-Expression' };
  }
}

function shellOf(given: string | undefined, environment: Readonly<Record<string, string | undefined>>): Shell {
  const name = given ?? environment.SHELL?.split('/').at(-1);
  const shell = shells.find((known) => known === name);
  if (shell !== undefined) return shell;
  throw new UsageError(`complete: expected a shell, ${shells.join(', ')}, got ${name ?? 'nothing'}.`);
}

/** `complete SHELL`: the script for its Tab key; `--install` puts it where the shell looks. */
export const run: CommandRun = async (invocation) => {
  const { args, io } = invocation;
  const shell = shellOf(args[0], io.environment);
  if (!isSet(invocation, 'install')) {
    createCompletions(invocation.commands, []).setup('schemahub', 'schemahub', shell);
    return exitCodes.complete;
  }
  const { file, line } = placeOf(shell, io.environment.HOME ?? homedir(), io.environment);
  if (file === undefined) {
    say(io, `${shell} has no folder of its own for this. Add this line to its start file:\n\n  ${line}\n`);
    return exitCodes.complete;
  }
  const [path, text] = file;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  const needs = shell === 'bash' ? ' and the package bash-completion is installed' : '';
  say(
    io,
    `Written: ${path}\nNew ${shell} windows complete "schemahub" with Tab, where schemahub is on the PATH${needs}.\n`,
  );
  return exitCodes.complete;
};
