import { isAbsolute } from 'node:path';
import type { Catalog, QueryColumn, QueryEngine, QueryResult, RunOptions } from '../engine.js';
import { QueryError } from '../errors.js';
import { namesIn, splitStatements } from '../sql-text.js';
import { queryErrorFrom } from './duckdb-errors.js';
import { interruptible } from './interruptible.js';
import { macros } from './macros.js';
import { checkOptions, type OpenDuckdbOptions } from './options.js';
import { openSession, type Session } from './session.js';
import { literal } from './sql-literals.js';
import { checkStatement } from './statements.js';
import { type OpenResult, openResult } from './stream.js';
import { createLazyView, type LazyView, lazyViews } from './views.js';

type Prepared = import('@duckdb/node-api').DuckDBPreparedStatement;

/** What an engine remembers between calls. */
interface State {
  readonly session: Session;
  readonly options: OpenDuckdbOptions;
  /** Views that no query has named yet. */
  readonly waiting: Map<string, LazyView>;
  /** What can stand behind FROM, for whoever names something else. */
  readonly names: readonly string[];
  current: OpenResult | undefined;
  /** Aborted by `close`, with the error that later calls get. */
  readonly closing: AbortController;
  /** Settles when the call before has started; calls take turns on the one connection. */
  turn: Promise<unknown>;
}

const noRows = (): QueryResult => ({ columns: [], rows: (async function* () {})(), rowCount: 0, truncated: false });

/** What the steps of one call share. */
interface Call {
  readonly signal: AbortSignal;
  readonly maxRows?: RunOptions['maxRows'];
}

/** Makes the raw and quarantine views that a text names: listing their files can cost more than the query. */
async function makeNamedViews(state: State, sql: string): Promise<void> {
  const named = namesIn(sql);
  for (const [name, view] of state.waiting) {
    if (!named.has(name)) continue;
    await state.session.connection.run(await createLazyView(view, state.options.lakeRoot));
    state.waiting.delete(name);
  }
}

/** Runs a statement for its effect; what it returns is small (INSERT … RETURNING). */
async function runWhole(state: State, prepared: Prepared, sql: string, call: Call): Promise<OpenResult> {
  const { session } = state;
  await session.connection.run('BEGIN TRANSACTION');
  try {
    const streamed = await interruptible(session.connection, call.signal, () => prepared.run());
    await session.connection.run('COMMIT');
    if (streamed.returnType === session.duckdb.ResultReturnType.QUERY_RESULT) {
      return openResult({ ...call, session, sql, streamed });
    }
    return { result: noRows(), release: async () => undefined };
  } catch (cause) {
    await session.connection.run('ROLLBACK').catch(() => undefined); // DuckDB ended the transaction itself
    throw cause;
  }
}

async function runStreamed(state: State, prepared: Prepared, sql: string, call: Call): Promise<OpenResult> {
  const { session } = state;
  await session.connection.run('BEGIN TRANSACTION READ ONLY');
  try {
    const streamed = await interruptible(session.connection, call.signal, () => prepared.stream());
    return openResult({ ...call, session, sql, streamed });
  } catch (cause) {
    await session.connection.run('ROLLBACK').catch(() => undefined); // DuckDB ended the transaction itself
    throw cause;
  }
}

/** Runs what one text between semicolons means: usually one statement, several for PIVOT. */
async function runText(state: State, sql: string, call: Call): Promise<OpenResult | undefined> {
  const { connection, duckdb } = state.session;
  const gate = { connection, duckdb, isClosed: state.options.allowOutside !== true };
  const extracted = await connection.extractStatements(sql);
  let last: OpenResult | undefined;
  for (let index = 0; index < extracted.count; index += 1) {
    await last?.release('superseded');
    call.signal.throwIfAborted();
    const prepared = await extracted.prepare(index);
    try {
      await checkStatement(gate, sql, prepared, index);
      const isSelect = prepared.statementType === duckdb.StatementType.SELECT;
      last = await (isSelect ? runStreamed : runWhole)(state, prepared, sql, call);
    } finally {
      prepared.destroySync();
    }
  }
  return last;
}

function textsOf(sql: string): readonly string[] {
  if (typeof sql !== 'string') throw new QueryError('invalid-options', `A query must be text, got ${typeof sql}.`);
  const { statements, rest } = splitStatements(sql);
  const texts = rest === '' ? statements : [...statements, rest];
  if (texts.length === 0)
    throw new QueryError('syntax', 'There is no SQL in this text. An example: SELECT count(*) FROM trades_unified');
  return texts;
}

/** Waits for its turn, ends the result before it, and refuses when the engine is closed. Failures become `QueryError`. */
function inTurn<T>(
  state: State,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const either = signal === undefined ? state.closing.signal : AbortSignal.any([signal, state.closing.signal]);
  const started = state.turn.then(async () => {
    either.throwIfAborted();
    await state.current?.release('superseded');
    state.current = undefined;
    try {
      return await work(either);
    } catch (cause) {
      either.throwIfAborted();
      throw queryErrorFrom(cause, state.names);
    }
  });
  state.turn = started.catch(() => undefined); // the caller has the failure; the next in line does not care
  return started;
}

async function run(state: State, sql: string, options: RunOptions): Promise<QueryResult> {
  const { maxRows, signal } = options;
  if (maxRows !== undefined && !(Number.isSafeInteger(maxRows) && maxRows >= 0)) {
    throw new QueryError('invalid-options', `maxRows must be a whole number from 0, got ${String(maxRows)}.`);
  }
  const texts = textsOf(sql);
  return inTurn(state, signal, async (either) => {
    await makeNamedViews(state, sql);
    for (const text of texts) {
      await state.current?.release('superseded');
      state.current = await runText(state, text, { signal: either, maxRows });
    }
    return state.current?.result ?? noRows();
  });
}

async function explain(state: State, sql: string, options: Pick<RunOptions, 'signal'>): Promise<string> {
  const [text, ...more] = textsOf(sql);
  if (text === undefined || more.length > 0) throw new QueryError('invalid-options', 'explain takes one statement.');
  const { rows } = await run(state, `EXPLAIN ${text}`, options);
  let plan = '';
  for await (const batch of rows) for (const row of batch) plan += `${String(row.at(-1))}\n`;
  return plan;
}

async function exportParquet(state: State, sql: string, signal: AbortSignal | undefined): Promise<{ rows: number }> {
  const { exportFile } = state.options;
  if (exportFile === undefined || !isAbsolute(exportFile)) {
    throw new QueryError('not-allowed', 'This engine was opened without exportFile, the one file that it may write.');
  }
  const [text, ...more] = textsOf(sql);
  if (text === undefined || more.length > 0) throw new QueryError('invalid-options', 'An export takes one SELECT.');
  return inTurn(state, signal, async (either) => {
    const { connection, duckdb } = state.session;
    await makeNamedViews(state, text);
    const extracted = await connection.extractStatements(text);
    const prepared = await extracted.prepare(0);
    const isSelect = extracted.count === 1 && prepared.statementType === duckdb.StatementType.SELECT;
    await checkStatement({ connection, duckdb, isClosed: state.options.allowOutside !== true }, text, prepared, 0);
    prepared.destroySync();
    if (!isSelect) throw new QueryError('invalid-options', 'Only the rows of a SELECT can be exported.');
    // The line break ends a comment behind the statement. A second file beside the target must not be needed.
    const target = `${literal(exportFile)} (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)`;
    const copy = `COPY (${text}\n) TO ${target}`;
    const written = await interruptible(connection, either, () => connection.runAndReadAll(copy));
    return { rows: Number(written.value(0, 0)) };
  });
}

async function catalog(state: State): Promise<Catalog> {
  return inTurn(state, undefined, async () => {
    const reader = await state.session.connection.runAndReadAll(
      'SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal ORDER BY table_oid, column_index',
    );
    const tables = new Map<string, QueryColumn[]>();
    for (const [table, name, type] of reader.getRowsJS() as [string, string, string][]) {
      tables.set(table, [...(tables.get(table) ?? []), { name, type }]);
    }
    for (const [name, view] of state.waiting) tables.set(name, [...(view.source.columns ?? [])]);
    return {
      tables: [...tables].map(([name, columns]) => ({ name, columns })),
      macros: macros.map(({ name, signature, doc }) => ({ name, signature, doc })),
    };
  });
}

async function close(state: State): Promise<void> {
  if (state.closing.signal.aborted) return;
  state.closing.abort(new QueryError('closed', 'The query engine is closed; open a new one.'));
  await state.turn;
  await state.current?.release('closed');
  state.session.close();
}

/**
 * Opens DuckDB over a committed snapshot. SQL sees `trades_unified`, `curated_trades`, `raw_{exchange}_trades`,
 * `schemahub_watermarks`, `quarantine` and the macros, and can reach nothing else unless `allowOutside`.
 * Throws `QueryError`.
 */
export async function openDuckdb(options: OpenDuckdbOptions): Promise<QueryEngine> {
  checkOptions(options);
  const lazy = lazyViews(options);
  const session = await openSession(options, lazy);
  const waiting = new Map(lazy.map((view) => [view.name, view]));
  const state: State = {
    session,
    options,
    waiting,
    names: [
      'trades_unified',
      'curated_trades',
      'schemahub_watermarks',
      ...lazy.map(({ name }) => name),
      ...macros.map(({ name }) => `${name}()`),
    ],
    current: undefined,
    closing: new AbortController(),
    turn: Promise.resolve(),
  };
  return {
    run: (sql, runOptions = {}) => run(state, sql, runOptions),
    explain: (sql, runOptions = {}) => explain(state, sql, runOptions),
    exportParquet: (sql, runOptions = {}) => exportParquet(state, sql, runOptions.signal),
    catalog: () => catalog(state),
    close: () => close(state),
  };
}
