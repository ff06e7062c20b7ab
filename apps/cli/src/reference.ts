import { settings } from '@schemahub/runtime/settings';
import type { CommandSpec, OptionSpec } from './command.js';
import { exitCodes } from './exit-codes.js';

const CODE_MEANINGS: Readonly<Record<keyof typeof exitCodes, string>> = {
  complete: 'complete',
  error: 'error',
  usage: 'usage or configuration',
  incomplete: 'incomplete: something that was wanted is missing, or an unknown product was named',
  damage: 'verification failed, conflict, quarantine in this run, or damage',
  held: 'nothing could be claimed: another run holds everything',
  unavailable: 'the exchange is unavailable; run the command again later',
  interrupted: 'stopped by Ctrl-C, after a clean checkpoint',
  terminated: 'stopped by SIGTERM, after a clean checkpoint',
};

function optionRow({ name, value, doc, aliases }: OptionSpec): string {
  const others = (aliases ?? []).map((alias) => `\`${alias.length === 1 ? '-' : '--'}${alias}\``);
  const text = `\`--${name}${value === undefined ? '' : ` ${value}`}\`${others.length > 0 ? `, ${others.join(', ')}` : ''}`;
  return `| ${text.replaceAll('|', '\\|')} | ${doc.replaceAll('|', '\\|')} |`;
}

function section(spec: CommandSpec): string {
  const usage = `schemahub ${spec.name}${spec.args === undefined ? '' : ` ${spec.args}`} [options]`;
  const options =
    spec.writes === true
      ? [...spec.options, { name: 'dry-run', doc: 'write nothing; tell what would be done' }]
      : spec.options;
  return [
    `## ${spec.name}`,
    '',
    `${spec.summary[0]!.toUpperCase()}${spec.summary.slice(1)}.`,
    '',
    '```sh',
    usage,
    '```',
    '',
    '| option | meaning |',
    '|---|---|',
    ...options.map(optionRow),
    '',
    'Examples:',
    '',
    '```sh',
    ...spec.examples,
    '```',
    '',
  ].join('\n');
}

/** docs/reference/cli.md: made from the table of commands and the table of settings; a test compares it with the file. */
export function cliReference(commands: readonly CommandSpec[]): string {
  const codes = Object.entries(exitCodes).map(
    ([name, code]) => `| ${code} | ${CODE_MEANINGS[name as keyof typeof exitCodes]} |`,
  );
  const variables = settings.flatMap(({ env, name, doc, fallback, isSecret }) =>
    env.map(
      (variable) =>
        `| \`${variable.replace('{EXCHANGE}', 'COINBASE')}\` | \`--${name}\` | ${isSecret === true || fallback === undefined ? '' : `\`${fallback}\``} | ${doc} |`,
    ),
  );
  return [
    '# Command line',
    '',
    'Made from the program itself (`apps/cli/src/command-table.ts`, `internal/runtime/src/settings.ts`); a test fails when it is stale.',
    '',
    '`schemahub --examples` prints the examples of all commands. Every command has `--help` with examples, `--json` (one object on stdout), `-q`/`--quiet` and `-v`/`--verbose`. Results go to stdout; progress, log lines and errors to stderr. `NO_COLOR` is honoured.',
    '',
    '## Exit codes',
    '',
    '| code | meaning |',
    '|---|---|',
    ...codes,
    '',
    'Of several the first of 130/143, 2, 1, 4, 6, 3, 5 wins.',
    '',
    '## Settings',
    '',
    'A flag wins over the environment, that over `.env`, that over `schemahub.yaml`, that over the default. `schemahub config print` shows where each value comes from.',
    '',
    '| variable | flag | default | meaning |',
    '|---|---|---|---|',
    ...variables,
    '',
    ...commands.map(section),
  ].join('\n');
}
