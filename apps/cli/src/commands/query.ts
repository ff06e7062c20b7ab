import { readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  formatResult,
  isTextFormat,
  type QueryEngine,
  QueryError,
  type QueryResult,
  runPrompt,
  textFormats,
} from '@schemahub/query';
import { UsageError } from '@schemahub/runtime/config';
import { openLake, requireLake } from '@schemahub/runtime/lake';
import { openQuery } from '@schemahub/runtime/query';
import { type CommandRun, type Invocation, textFlag } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { bytesText, say } from '../text-table.js';

const TERMINAL_ROWS = 100;

function wholeNumber(invocation: Invocation, name: string): number | undefined {
  const text = textFlag(invocation, name);
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,14}$/.test(text))
    throw new UsageError(`--${name}: expected a whole number from 1, got ${JSON.stringify(text)}.`);
  return Number(text);
}

async function prompt(invocation: Invocation, engine: QueryEngine, format: string): Promise<number> {
  const { io } = invocation;
  const historyFile = join(homedir(), '.schemahub_history');
  const history = (await readFile(historyFile, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
  let lines: readonly string[] = history;
  await runPrompt({
    engine,
    input: io.input,
    output: io.output,
    format: isTextFormat(format) ? format : 'table',
    width: () => (io.isTerminal ? io.columns : undefined),
    history,
    onHistory: (kept) => {
      lines = kept;
    },
    maxRows: wholeNumber(invocation, 'max-rows') ?? TERMINAL_ROWS,
    signal: invocation.stop,
  });
  if (io.isTerminal) await writeFile(historyFile, `${lines.slice(0, 1000).join('\n')}\n`).catch(() => undefined);
  return exitCodes.complete;
}

/** The SQL of the command line, or of standard input when that is not a terminal. */
async function sqlOf(invocation: Invocation): Promise<string | undefined> {
  const [sql] = invocation.args;
  if (sql !== undefined && sql !== '-') return sql;
  if (sql === undefined && invocation.io.isTerminal) return undefined;
  const parts: Buffer[] = [];
  for await (const part of invocation.io.input) parts.push(Buffer.from(part as Uint8Array));
  return Buffer.concat(parts).toString('utf8');
}

/** `--json`: one object, its rows as they come. */
async function printJson(io: Invocation['io'], result: QueryResult): Promise<void> {
  let separator = '{"rows":[';
  for await (const text of formatResult(result, { format: 'jsonl' })) {
    const lines = text.split('\n').filter((line) => line !== '');
    if (lines.length === 0) continue;
    io.out(`${separator}${lines.join(',')}`);
    separator = ',';
  }
  io.out(separator === ',' ? ']}\n' : '{"rows":[]}\n');
}

/** What the engine was paid for. */
function printCost({ io, quiet }: Invocation, { cost }: QueryResult): void {
  if (cost === undefined || quiet) return;
  io.err(`scanned ${bytesText(cost.bytesScanned)} in ${cost.engineMs / 1000} s: $${cost.dollars.toFixed(6)}\n`);
}

/** DuckDB on the lake's files, or Athena on the table that was published. */
async function openEngine(invocation: Invocation, exportFile: string | undefined): Promise<QueryEngine> {
  const { config, io } = invocation;
  const [snapshot, asOf] = [wholeNumber(invocation, 'snapshot'), textFlag(invocation, 'as-of')];
  const name = textFlag(invocation, 'engine') ?? 'duckdb';
  if (name === 'athena') {
    if (snapshot !== undefined || asOf !== undefined)
      throw new UsageError(
        "--engine athena reads the published table as it is. For its past: SELECT … FROM trades_unified FOR TIMESTAMP AS OF TIMESTAMP '2026-01-01 00:00:00 UTC'.",
      );
    if (exportFile !== undefined)
      throw new UsageError(`-o: expected ${textFormats.join(', ')} with --engine athena, got a Parquet file.`);
    const { openAthenaQuery } = await import('@schemahub/runtime/athena-query');
    return await openAthenaQuery({ config, clock: io.clock });
  }
  if (name !== 'duckdb') throw new UsageError(`--engine: expected duckdb or athena, got ${JSON.stringify(name)}.`);
  const lake = await openLake({ config, clock: io.clock });
  await requireLake(lake);
  const via = textFlag(invocation, 'via') ?? 'commits';
  if (via !== 'commits' && via !== 'iceberg')
    throw new UsageError(`--via: expected commits or iceberg, got ${JSON.stringify(via)}.`);
  const viaIceberg = via === 'iceberg' ? { config } : undefined;
  const { engine } = await openQuery({ lake, snapshot, asOf, exportFile, viaIceberg });
  return engine;
}

async function printResult(invocation: Invocation, result: QueryResult, format: string): Promise<void> {
  const { io } = invocation;
  const width = io.isTerminal ? { width: io.columns } : {};
  if (invocation.json && textFlag(invocation, 'output') === undefined) await printJson(io, result);
  // The rows of a table fit; what is said of them below may not.
  else
    for await (const text of formatResult(result, { format: isTextFormat(format) ? format : 'table', ...width }))
      if (format === 'table') say(io, text);
      else io.out(text);
  if (result.truncated && !invocation.quiet) io.err(`${result.rowCount} rows shown, there are more: --max-rows N\n`);
  printCost(invocation, result);
}

/** `query`. */
export const run: CommandRun = async (invocation) => {
  const { io } = invocation;
  const format = textFlag(invocation, 'output') ?? (invocation.json ? 'json' : 'table');
  const isParquet = format === 'parquet' || format.endsWith('.parquet');
  if (!isParquet && !isTextFormat(format))
    throw new UsageError(
      `-o: expected ${textFormats.join(', ')}, parquet or NAME.parquet, got ${JSON.stringify(format)}.`,
    );
  const exportFile = isParquet ? resolve(io.folder, format === 'parquet' ? 'result.parquet' : format) : undefined;
  const engine = await openEngine(invocation, exportFile);
  try {
    const sql = await sqlOf(invocation);
    if (sql === undefined) return await prompt(invocation, engine, format);
    if (exportFile !== undefined && engine.exportParquet !== undefined) {
      const { rows } = await engine.exportParquet(sql, { signal: invocation.stop });
      io.err(`${rows} rows written to ${exportFile}\n`);
      return exitCodes.complete;
    }
    const maxRows =
      wholeNumber(invocation, 'max-rows') ?? (io.isTerminal && format === 'table' ? TERMINAL_ROWS : undefined);
    const result = await engine.run(sql, { signal: invocation.stop, ...(maxRows === undefined ? {} : { maxRows }) });
    await printResult(invocation, result, format);
    return exitCodes.complete;
  } catch (error) {
    if (error instanceof QueryError) {
      io.err(`${io.style('red', 'error:')} ${error.message}\n`);
      return exitCodes.error;
    }
    throw error;
  } finally {
    await engine.close();
  }
};
