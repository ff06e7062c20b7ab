import { Command, CommanderError, Option } from 'commander';
import { type CommandSpec, type OptionSpec, optionsOf } from './command.js';
import { commandTable } from './command-table.js';
import type { Io } from './io.js';
import { say } from './text-table.js';

/** What the command line said. */
export interface Parsed {
  readonly spec: CommandSpec;
  readonly args: readonly string[];
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
}

export type ParseResult =
  | { readonly kind: 'run'; readonly parsed: Parsed }
  | { readonly kind: 'end'; readonly code: number };

function addOption(command: Command, spec: OptionSpec): void {
  const value = spec.value === undefined ? '' : ` <${spec.value}>`;
  const short = spec.aliases?.find((alias) => alias.length === 1);
  const flags = `${short === undefined ? '' : `-${short}, `}--${spec.name}${value}`;
  command.addOption(new Option(flags, spec.doc));
  for (const alias of spec.aliases ?? [])
    if (alias.length > 1) command.addOption(new Option(`--${alias}${value}`, spec.doc).hideHelp());
}

function camel(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** Commander's camel-case members back to the names of the table; `--no-x` arrives as `x: false`. */
function flagsOf(command: Command, specs: readonly OptionSpec[]): Record<string, string | boolean | undefined> {
  const given = command.opts<Record<string, string | boolean | undefined>>();
  const flags: Record<string, string | boolean | undefined> = {};
  for (const spec of specs) {
    const isNegative = spec.name.startsWith('no-');
    const names = [spec.name, ...(spec.aliases ?? []).filter((alias) => alias.length > 1)];
    for (const name of names) {
      const value = isNegative ? (given[camel(name.slice(3))] === false ? true : undefined) : given[camel(name)];
      if (value !== undefined) flags[spec.name] = value;
    }
  }
  return flags;
}

function addCommand(program: Command, spec: CommandSpec, taken: (parsed: Parsed) => void): void {
  const options = optionsOf(spec);
  const command = program
    .command(spec.args === undefined ? spec.name : `${spec.name} ${spec.args}`)
    .description(spec.summary)
    .showHelpAfterError(`See: schemahub ${spec.name} --help`);
  for (const option of options) addOption(command, option);
  command.addHelpText('after', `\nExamples:\n${spec.examples.map((example) => `  ${example}`).join('\n')}\n`);
  command.action(() => taken({ spec, args: command.args, flags: flagsOf(command, options) }));
}

/** A command line as a parser: help and reference are printed from the same table. */
function createProgram(
  specs: readonly CommandSpec[],
  io: Io,
  version: string,
  taken: (parsed: Parsed) => void,
): Command {
  const program = new Command('schemahub');
  program
    .description('Collects every public trade, keeps one clean table, and proves that nothing is missing.')
    .version(version)
    .option('--examples', 'examples of every command')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => say(io, text),
      writeErr: io.err,
      getOutHelpWidth: () => Math.min(io.columns, 110),
    })
    .showHelpAfterError('See: schemahub --help')
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      '\nStart with: schemahub demo\nThen live:  schemahub backfill BTC-USD && schemahub transform && schemahub verify\n',
    );
  for (const spec of specs) addCommand(program, spec, taken);
  for (const command of program.commands)
    command.exitOverride().configureOutput({ writeOut: (text) => say(io, text), writeErr: io.err });
  return program;
}

/** What `schemahub --examples` prints: the examples of every command, in the order of the help. */
function allExamples(io: Io): string {
  const sections = commandTable.map(
    ({ summary, examples }) => `${io.style('dim', `# ${summary}`)}\n${examples.join('\n')}\n`,
  );
  return sections.join('\n');
}

/** Parses a command line. Help and version end with 0, anything wrong with 2. */
export async function parseCommandLine(argv: readonly string[], io: Io, version: string): Promise<ParseResult> {
  let parsed: Parsed | undefined;
  // Where the first word names a command, the parser knows no other: to build all of them is 5 ms of every run.
  const named = commandTable.filter(({ name }) => name === argv[0]);
  const program = createProgram(named.length > 0 ? named : commandTable, io, version, (found) => {
    parsed = found;
  });
  try {
    if (argv.length === 0) {
      program.outputHelp();
      return { kind: 'end', code: 0 };
    }
    if (argv[0] === '--examples') {
      io.out(allExamples(io));
      return { kind: 'end', code: 0 };
    }
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return { kind: 'end', code: error.exitCode === 0 ? 0 : 2 };
    throw error;
  }
  return parsed === undefined ? { kind: 'end', code: 0 } : { kind: 'run', parsed };
}
