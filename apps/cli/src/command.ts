import type { ByteBudget } from '@schemahub/ingest';
import type { Config } from '@schemahub/runtime/config';
import type { Io } from './io.js';
import type { Telemetry } from './telemetry.js';

/** An option of a command. A name that is also a setting gets its check, default and variables from there. */
export interface OptionSpec {
  /** Without dashes. */
  readonly name: string;
  /** `DIR`; absent for a switch. */
  readonly value?: string | undefined;
  readonly doc: string;
  /** Other spellings that are accepted, without dashes. */
  readonly aliases?: readonly string[] | undefined;
}

export interface CommandSpec {
  readonly name: string;
  readonly summary: string;
  /** `[PRODUCT...]`, as the parser knows it. */
  readonly args?: string | undefined;
  readonly options: readonly OptionSpec[];
  readonly examples: readonly string[];
  /** Writes into the lake: it gets --dry-run. */
  readonly writes?: boolean | undefined;
  /** Loads the command's code only when it is run. */
  readonly load: () => Promise<{ readonly run: CommandRun }>;
}

/** What every command understands. */
export const commonOptions: readonly OptionSpec[] = [
  { name: 'json', doc: 'one JSON object on stdout' },
  { name: 'quiet', doc: 'only errors on stderr', aliases: ['q'] },
  { name: 'verbose', doc: 'every request on stderr', aliases: ['v'] },
  { name: 'metrics', value: 'WHERE', doc: 'none, emf or cloudwatch (default none)' },
  { name: 'log-format', value: 'FORMAT', doc: 'text or json (default text)' },
];
const dryRun: OptionSpec = { name: 'dry-run', doc: 'write nothing; tell what would be done' };

/** The options of a command, those that it shares with others included. */
export function optionsOf(spec: CommandSpec): readonly OptionSpec[] {
  return [...spec.options, ...commonOptions, ...(spec.writes === true ? [dryRun] : [])];
}

/** Runs one command and says its exit code. Errors that a user can meet are thrown with a sentence. */
export type CommandRun = (invocation: Invocation) => Promise<number>;

/** One call of a command, parsed. */
export interface Invocation {
  readonly command: string;
  /** All commands, for what speaks about them. */
  readonly commands: readonly CommandSpec[];
  readonly args: readonly string[];
  /** Options by name; texts and switches as given. */
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
  readonly config: Config;
  readonly io: Io;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly dryRun: boolean;
  /** Aborts at the first signal. `stopCode` is what it ends with. */
  readonly stop: AbortSignal;
  readonly stopCode: () => number;
  readonly telemetry: Telemetry;
  /** Steps of one `run`: how long to wait for a job that another process does, the bytes they share, and whose raw layer is read. */
  readonly waitMs?: number | undefined;
  readonly budget?: ByteBudget | undefined;
  readonly exchanges?: readonly string[] | undefined;
}

/** The text of an option; undefined when it was not given. */
export function textFlag(invocation: Invocation, name: string): string | undefined {
  const value = invocation.flags[name];
  return typeof value === 'string' ? value : undefined;
}

export function isSet(invocation: Invocation, name: string): boolean {
  return invocation.flags[name] === true;
}
