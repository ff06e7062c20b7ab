import type { QueryColumn, QueryResult, QueryRow, RunOptions } from '../engine.js';
import { QueryError } from '../errors.js';
import { queryErrorFrom } from './duckdb-errors.js';
import { interruptible } from './interruptible.js';
import type { Session } from './session.js';
import { plainColumn } from './values.js';

type StreamedResult = import('@duckdb/node-api').DuckDBResult;

/** A result whose rows are still in DuckDB. */
export interface OpenResult {
  readonly result: QueryResult;
  /** Gives the connection back; rows that were not read are lost, and reading on throws. */
  readonly release: (reason: 'superseded' | 'closed') => Promise<void>;
}

export interface StreamOptions {
  readonly session: Session;
  readonly maxRows?: RunOptions['maxRows'];
  /** Fires when the caller or the engine gives up. */
  readonly signal: AbortSignal;
  /** The one statement, to be run again for DuckDB's words when it failed half-way. */
  readonly sql: string;
  readonly streamed: StreamedResult;
}

export function columnsOf(result: StreamedResult): QueryColumn[] {
  const names = result.deduplicatedColumnNames();
  return names.map((name, index) => ({ name, type: result.columnType(index).toString() }));
}

/** Rows of one chunk: DuckDB delivers columns. */
async function nextRows({ session, streamed }: StreamOptions, width: number): Promise<QueryRow[]> {
  const chunk = await streamed.fetchChunk();
  if (chunk === null || chunk.rowCount === 0) return [];
  const floatTypeId = session.duckdb.DuckDBTypeId.FLOAT;
  const columns = Array.from({ length: width }, (_, index) =>
    plainColumn(chunk.getColumnValues(index), streamed.columnType(index), floatTypeId),
  );
  return Array.from({ length: chunk.rowCount }, (_, row) => columns.map((column) => column[row] ?? null));
}

/** EXPLAIN ANALYZE runs the whole statement and keeps no row: the same failure, with words and without memory. */
async function wordsFor({ session, sql, signal }: StreamOptions): Promise<QueryError> {
  try {
    await interruptible(session.connection, signal, () => session.connection.run(`EXPLAIN ANALYZE ${sql}`));
  } catch (cause) {
    signal.throwIfAborted();
    return queryErrorFrom(cause);
  }
  return new QueryError('failed', 'DuckDB stopped half-way and gave no reason: rows are missing. Run the query again.');
}

/**
 * The rows of a statement that was started inside a transaction. DuckDB's Node API ends a stream that fails exactly like
 * one that is finished (fetchChunk answers the same), which would cut results silently. The failure does abort the
 * transaction, so a result counts as whole only when the transaction is still alive behind its last row.
 */
export function openResult(options: StreamOptions): OpenResult {
  const { session, streamed, maxRows, signal } = options;
  const { connection } = session;
  const columns = columnsOf(streamed);
  let state: 'fresh' | 'reading' | 'finished' | 'superseded' | 'closed' = 'fresh';
  let rowCount = 0;
  let truncated = false;
  let fetching: Promise<unknown> = Promise.resolve();

  const rollBack = async (): Promise<void> => {
    await connection.run('ROLLBACK').catch(() => undefined); // a transaction that is gone already is what is wanted
  };
  const finish = async (): Promise<void> => {
    state = 'finished';
    const isWhole = await connection.run('SELECT 1').then(
      () => true,
      () => false,
    );
    await rollBack();
    signal.throwIfAborted();
    if (!isWhole) throw await wordsFor(options);
  };
  const check = (): void => {
    if (state === 'superseded' || state === 'closed') {
      const why = state === 'closed' ? 'the engine was closed' : 'another query was started on the same engine';
      throw new QueryError(state, `The rest of these rows is gone: ${why} before they were read.`);
    }
  };

  async function* read(): AsyncGenerator<readonly QueryRow[]> {
    check();
    if (state !== 'fresh')
      throw new QueryError('failed', 'The rows of a result can be read once; run the query again.');
    state = 'reading';
    try {
      for (;;) {
        const next = interruptible(connection, signal, () => nextRows(options, columns.length));
        fetching = next;
        const rows = await next;
        check();
        if (rows.length === 0) return await finish();
        const room = (maxRows ?? Number.POSITIVE_INFINITY) - rowCount;
        truncated = rows.length > room;
        const kept = truncated ? rows.slice(0, room) : rows;
        rowCount += kept.length;
        if (kept.length > 0) yield kept;
        if (truncated) return;
        check();
      }
    } catch (cause) {
      signal.throwIfAborted();
      throw queryErrorFrom(cause);
    } finally {
      if (state === 'reading') {
        state = 'finished';
        await rollBack();
      }
    }
  }

  return {
    result: {
      columns,
      rows: { [Symbol.asyncIterator]: read },
      get rowCount() {
        return rowCount;
      },
      get truncated() {
        return truncated;
      },
    },
    release: async (reason) => {
      if (state === 'finished' || state === 'superseded' || state === 'closed') return;
      state = reason;
      await fetching.catch(() => undefined); // its reader has the failure; the connection must be idle
      await rollBack();
    },
  };
}
