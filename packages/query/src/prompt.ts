import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import type { Catalog, QueryEngine } from './engine.js';
import { QueryError } from './errors.js';
import { formatResult, isTextFormat, type TextFormat, textFormats } from './format.js';
import { splitStatements } from './sql-text.js';

export interface PromptOptions {
  readonly engine: QueryEngine;
  readonly input: NodeJS.ReadableStream;
  /** Answers, and the prompt itself in a terminal. */
  readonly output: NodeJS.WritableStream;
  /** Default `table`; `.mode` changes it. */
  readonly format?: TextFormat | undefined;
  /** Characters a line of `table` may have, asked before each answer. Default: no limit. */
  readonly width?: (() => number | undefined) | undefined;
  /** Line editing, history and completion. Default: whether `output` is a terminal. */
  readonly terminal?: boolean | undefined;
  /** Lines of earlier sessions, the newest first. Default none. */
  readonly history?: readonly string[] | undefined;
  /** Given the history after each line, the newest first, to be kept. */
  readonly onHistory?: ((lines: readonly string[]) => void) | undefined;
  /** Rows shown of one answer. Default: all. */
  readonly maxRows?: number | undefined;
  /** Ends the session. */
  readonly signal?: AbortSignal | undefined;
}

export interface PromptReport {
  readonly statements: number;
  readonly failures: number;
}

const keywords = ['SELECT', 'FROM', 'WHERE', 'GROUP BY', 'ORDER BY', 'LIMIT', 'DESCRIBE', 'SUMMARIZE', 'EXPLAIN'];
const commands = ['.tables', '.schema', '.mode', '.help', '.quit'];

const help = `SQL ends with a semicolon and may take several lines. Ctrl-C stops a query, Ctrl-D leaves.
.tables          tables and macros
.schema [NAME]   their columns
.mode FORMAT     ${textFormats.join(', ')}
.help            this text
.quit            leave
`;

interface PromptState {
  readonly options: PromptOptions;
  readonly lines: Interface;
  format: TextFormat;
  buffer: string;
  /** Fetched between statements only: asking the engine ends the result that is being printed. */
  catalog: Catalog;
  running: AbortController | undefined;
  statements: number;
  failures: number;
  isLeaving: boolean;
  /** The input has ended; lines that came before may still wait. readline of Node 24 refuses to prompt then. */
  isEnded: boolean;
}

/** Writes and waits while the reader is slower than the query. */
async function write({ options: { output } }: PromptState, text: string): Promise<void> {
  if (text !== '' && !output.write(text)) await once(output, 'drain');
}

/** Names that fit what stands before the cursor; dot commands at the beginning of a line. */
export function completions(catalog: Catalog, line: string): [string[], string] {
  const beginning = /[\w.]*$/.exec(line)?.[0] ?? '';
  if (line.startsWith('.')) return [commands.filter((command) => command.startsWith(line)), line];
  const names = new Set([
    ...catalog.tables.map((table) => table.name),
    ...catalog.macros.map((macro) => `${macro.name}(`),
    ...catalog.tables.flatMap((table) => table.columns.map((column) => column.name)),
    ...keywords,
  ]);
  const lower = beginning.toLowerCase();
  return [[...names].filter((name) => name.toLowerCase().startsWith(lower)).sort(), beginning];
}

function tablesText({ tables, macros }: Catalog): string {
  const shown = macros.map((macro) => `${macro.signature}\n  ${macro.doc}`);
  return [...tables.map((table) => table.name), ...shown, ''].join('\n');
}

function schemaText({ tables, macros }: Catalog, name: string): string {
  const table = tables.filter((one) => name === '' || one.name === name);
  const macro = macros.filter((one) => name === '' || one.name === name);
  if (table.length + macro.length === 0) {
    throw new QueryError('invalid-query', `There is no table or macro ${name}; .tables lists them.`);
  }
  const columns = (one: Catalog['tables'][number]): string =>
    one.columns.length === 0
      ? '  (columns are known after its first use)'
      : one.columns.map((column) => `  ${column.name} ${column.type}`).join('\n');
  return [
    ...table.map((one) => `${one.name}\n${columns(one)}`),
    ...macro.map((one) => `${one.signature}\n  ${one.doc}`),
    '',
  ].join('\n');
}

async function runCommand(state: PromptState, line: string): Promise<void> {
  const [command = '', argument = ''] = line.trim().split(/\s+/);
  switch (command) {
    case '.tables':
      return write(state, tablesText(state.catalog));
    case '.schema':
      return write(state, schemaText(state.catalog, argument));
    case '.help':
      return write(state, help);
    case '.quit':
    case '.exit':
      state.isLeaving = true;
      return;
    case '.mode':
      if (!isTextFormat(argument)) {
        throw new QueryError('invalid-options', `.mode takes one of ${textFormats.join(', ')}, got "${argument}".`);
      }
      state.format = argument;
      return;
    default:
      throw new QueryError('invalid-options', `There is no command ${command}; .help lists them.`);
  }
}

async function runStatement(state: PromptState, sql: string): Promise<void> {
  const { engine, maxRows, signal, width } = state.options;
  state.statements += 1;
  const running = new AbortController();
  state.running = running;
  const stop = (): void => running.abort(signal?.reason);
  signal?.addEventListener('abort', stop);
  try {
    const result = await engine.run(sql, { signal: running.signal, maxRows });
    for await (const text of formatResult(result, { format: state.format, width: width?.() })) await write(state, text);
  } finally {
    signal?.removeEventListener('abort', stop);
    state.running = undefined;
  }
  state.catalog = await engine.catalog();
}

/** One failure is told and the session goes on. */
async function attempt(state: PromptState, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    state.failures += 1;
    const isAbort = cause instanceof Error && cause.name === 'AbortError';
    await write(state, `${isAbort ? 'Stopped.' : cause instanceof Error ? cause.message : String(cause)}\n`);
  }
}

async function takeLine(state: PromptState, line: string): Promise<void> {
  if (state.buffer === '' && line.trimStart().startsWith('.')) {
    await attempt(state, () => runCommand(state, line));
    return;
  }
  const { statements, rest } = splitStatements(`${state.buffer}${line}\n`);
  state.buffer = rest === '' ? '' : `${rest}\n`;
  for (const sql of statements) await attempt(state, () => runStatement(state, sql));
}

function showPrompt({ lines, buffer, options, isEnded }: PromptState): void {
  if (isEnded || !(options.terminal ?? isTerminal(options.output))) return;
  lines.setPrompt(buffer === '' ? 'schemahub> ' : '      ...> ');
  lines.prompt();
}

function isTerminal(output: NodeJS.WritableStream): boolean {
  return 'isTTY' in output && output.isTTY === true;
}

function openLines(options: PromptOptions, catalog: () => Catalog): Interface {
  const { input, output, onHistory, history } = options;
  const terminal = options.terminal ?? isTerminal(output);
  const completer = (line: string): [string[], string] => completions(catalog(), line);
  const interactive = {
    output,
    terminal,
    completer,
    history: [...(history ?? [])],
    historySize: 1000,
    removeHistoryDuplicates: true,
  };
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY, ...(terminal ? interactive : {}) });
  if (onHistory) lines.on('history', (kept: string[]) => onHistory(kept));
  return lines;
}

/**
 * Reads SQL from a person (or a pipe), line by line, and answers until the input ends, `.quit`, or the signal.
 * Failures are printed and counted; nothing is thrown for them. A last statement without semicolon runs when a pipe ends.
 */
export async function runPrompt(options: PromptOptions): Promise<PromptReport> {
  let catalog = await options.engine.catalog();
  const lines = openLines(options, () => catalog);
  const state: PromptState = {
    options,
    lines,
    format: options.format ?? 'table',
    buffer: '',
    catalog,
    running: undefined,
    statements: 0,
    failures: 0,
    isLeaving: false,
    isEnded: false,
  };
  lines.once('close', () => {
    state.isEnded = true;
  });
  lines.on('SIGINT', () => {
    if (state.running) state.running.abort();
    else {
      state.buffer = '';
      lines.write(null, { ctrl: true, name: 'e' });
      lines.write(null, { ctrl: true, name: 'u' }); // what stands in the line is dropped too
      options.output.write('\n');
      showPrompt(state);
    }
  });
  const leave = (): void => lines.close();
  options.signal?.addEventListener('abort', leave);
  try {
    showPrompt(state);
    for await (const line of lines) {
      await takeLine(state, line);
      catalog = state.catalog;
      if (state.isLeaving || options.signal?.aborted) break;
      showPrompt(state);
    }
    const isPipe = !(options.terminal ?? isTerminal(options.output));
    const rest = splitStatements(state.buffer).rest;
    if (isPipe && rest !== '' && !state.isLeaving) await attempt(state, () => runStatement(state, rest));
  } finally {
    options.signal?.removeEventListener('abort', leave);
    lines.close();
  }
  return { statements: state.statements, failures: state.failures };
}
