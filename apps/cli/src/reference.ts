import { settings } from '@schemahub/runtime/settings';
import type { CommandSpec, OptionSpec } from './command.js';
import { exitCodes, PRECEDENCE } from './exit-codes.js';

/** What each exit code means, and what whoever called the program does next. */
const CODE_MEANINGS: Readonly<Record<keyof typeof exitCodes, readonly [meaning: string, next: string]>> = {
  complete: ['complete', 'nothing'],
  error: ['error', 'read the last line of stderr; run again when it is mended'],
  usage: [
    'usage or configuration',
    'read the sentence: it names the option, variable or file; running again changes nothing',
  ],
  incomplete: [
    'incomplete: something that was wanted is missing, or an unknown product was named',
    'run again; `schemahub status` names what is missing, `schemahub repair` fetches it',
  ],
  damage: [
    'verification failed, conflict, quarantine in this run, or damage',
    'look: `schemahub verify` names it, `schemahub repair` heals what can be fetched again',
  ],
  held: ['nothing could be claimed: another run holds everything', 'nothing, or wait for the other run'],
  unavailable: ['the exchange is unavailable', 'run again later; what was finished is kept'],
  interrupted: ['stopped by Ctrl-C, after a clean checkpoint', 'run again: it goes on where it was'],
  terminated: ['stopped by SIGTERM, after a clean checkpoint', 'run again: it goes on where it was'],
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

const MADE_FROM = (files: string): string => `Made from the program itself (${files}); a test fails when it is stale.`;
const page = (lines: readonly string[]): string => `${lines.join('\n')}\n`;

/** docs/reference/exit-codes.md. */
export function exitCodeReference(): string {
  return page([
    '# Exit codes',
    '',
    MADE_FROM('`apps/cli/src/exit-codes.ts`'),
    '',
    '| code | meaning | what to do |',
    '|---|---|---|',
    ...Object.entries(exitCodes).map(([name, code]) => {
      const [meaning, next] = CODE_MEANINGS[name as keyof typeof exitCodes];
      return `| ${code} | ${meaning} | ${next} |`;
    }),
    '',
    `Of several the first of ${PRECEDENCE.filter((code) => code > 0).join(', ')} wins.`,
    '',
    '- `ingest`, `backfill` and `repair` judge the range that they were asked for, and count trades as done when they lie in the raw layer. `transform`, `run pipeline` and `verify` do not: there a trade is done when it is in the table.',
    '- `verify` ends 0 when the only ids outside the table are void, or were quarantined earlier; its last line names those.',
    '- A run whose first request fails all its tries ends 6 at once. Later it waits for at most `--max-wait`, writes what is finished, and ends 6.',
    '- A second Ctrl-C stops at once. What was in hand is asked again by the next run; nothing that is durable is lost.',
    '- With `--json` the report of a run holds its code as `exit_code`.',
    '',
    'What a schedule does with them: [Run on a schedule](../how-to/run-on-a-schedule.md). What an alarm does: [Operations](../operations/README.md).',
  ]);
}

/** docs/reference/configuration.md. */
export function configurationReference(): string {
  const rows = settings.flatMap(({ env, name, doc, fallback, isSecret }) =>
    env.map((variable, index) => {
      const given = isSecret === true || fallback === undefined ? '' : `\`${fallback}\``;
      const member = isSecret === true ? '' : `\`${name}\``;
      const meaning = index === 0 ? doc : `the same; \`${env[0]}\` wins`;
      return `| \`${variable.replace('{EXCHANGE}', 'COINBASE')}\` | \`--${name}\` | ${member} | ${given} | ${meaning.replaceAll('|', '\\|')} |`;
    }),
  );
  return page([
    '# Configuration',
    '',
    MADE_FROM('`internal/runtime/src/settings.ts`'),
    '',
    'A flag wins over the environment, that over `.env`, that over `schemahub.yaml`, that over the default; both files are read in the folder where the command runs. `schemahub config print` shows every value and where it comes from. `schemahub init` writes both files with everything commented out. A wrong value or an unknown member ends with 2 and says what was expected.',
    '',
    '`schemahub.yaml` holds the members below at its top; what stands below the name of an exchange is for that exchange alone:',
    '',
    '```yaml',
    'lake: ./lake',
    'workers: 4',
    'kraken:',
    '  rate: 0.5',
    '```',
    '',
    'Variables with `COINBASE` in their name are there for every exchange: `BINANCE_API_URL`, `SCHEMAHUB_KRAKEN_RATE`. Secrets belong into the environment.',
    '',
    '| variable | flag | member | default | meaning |',
    '|---|---|---|---|---|',
    ...rows,
  ]);
}

/** docs/reference/cli.md: made from the table of commands; a test compares it with the file. */
export function cliReference(commands: readonly CommandSpec[]): string {
  return [
    '# Command line',
    '',
    MADE_FROM('`apps/cli/src/command-table.ts`'),
    '',
    '`schemahub --examples` prints the examples of all commands. Every command has `--help` with examples, `--json` (one object on stdout), `-q`/`--quiet` and `-v`/`--verbose`. Results go to stdout; progress, log lines and errors to stderr. `NO_COLOR` is honoured.',
    '',
    'Beside this page: [exit codes](exit-codes.md), [configuration](configuration.md) by variables and `schemahub.yaml`.',
    '',
    '| command | what it does |',
    '|---|---|',
    ...commands.map(
      ({ name, summary }) => `| [\`${name}\`](#${name.replaceAll(' ', '-')}) | ${summary.replaceAll('|', '\\|')} |`,
    ),
    '',
    ...commands.map(section),
  ].join('\n');
}
