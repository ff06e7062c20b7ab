import { QueryError } from '../errors.js';
import { callsIn, explainedStatement } from '../sql-text.js';
import type { Connection, DuckdbModule } from './session.js';

type Prepared = import('@duckdb/node-api').DuckDBPreparedStatement;

/**
 * Kinds of statement that touch nothing but memory. DuckDB's own locks (allowed_paths, lock_configuration) guard files
 * and settings, but a path that may be read may also be written: `COPY … TO 'file of the snapshot' (USE_TMP_FILE false)`
 * overwrites it. So COPY, EXPORT, ATTACH, CALL, SET, PRAGMA, PREPARE and the like are refused by kind.
 */
const harmless = ['SELECT', 'CREATE', 'INSERT', 'UPDATE', 'DELETE', 'MERGE_INTO', 'DROP', 'ALTER'] as const;

/**
 * Functions that a SELECT can call and that write files, change the session, or run text as SQL, which would hide such
 * a call.
 */
const refusedCalls = [
  'enable_logging',
  'enable_profiling',
  'enable_peg_parser',
  'query',
  'json_execute_serialized_sql',
];

export interface GateOptions {
  readonly duckdb: DuckdbModule;
  readonly connection: Connection;
  /** False: everything is let through. */
  readonly isClosed: boolean;
}

function notAllowed(what: string): never {
  throw new QueryError(
    'not-allowed',
    `${what} is not allowed here: this session reads the committed snapshot and keeps tables in memory only. Ask for access outside when it is opened.`,
  );
}

/** Throws `QueryError` (`not-allowed`) when `prepared`, number `index` of the statements in `sql`, is not harmless. */
export async function checkStatement(gate: GateOptions, sql: string, prepared: Prepared, index: number): Promise<void> {
  const kinds = gate.duckdb.StatementType;
  // Each statement runs in a transaction of ours, which is how a failure half-way is noticed.
  if (prepared.statementType === kinds.TRANSACTION) {
    throw new QueryError(
      'not-allowed',
      'BEGIN, COMMIT and ROLLBACK are not allowed: each statement is its own transaction.',
    );
  }
  if (!gate.isClosed) return;
  for (const name of refusedCalls) if (callsIn(sql).has(name)) notAllowed(`The function ${name}`);
  if (prepared.statementType === kinds.EXPLAIN) {
    // EXPLAIN ANALYZE runs what it explains.
    const inner = explainedStatement(sql);
    if (index > 0 || inner === undefined) notAllowed('This EXPLAIN');
    const extracted = await gate.connection.extractStatements(inner);
    if (extracted.count !== 1) notAllowed('EXPLAIN of several statements');
    const explained = await extracted.prepare(0);
    if (explained.statementType === kinds.EXPLAIN) notAllowed('EXPLAIN of EXPLAIN');
    try {
      await checkStatement(gate, inner, explained, 0);
    } finally {
      explained.destroySync();
    }
    return;
  }
  if (!harmless.some((kind) => kinds[kind] === prepared.statementType)) {
    notAllowed(kinds[prepared.statementType].replaceAll('_', ' '));
  }
}
