import type { Catalog, QueryColumn, QueryEngine, QueryResult, QueryRow, RunOptions } from '../engine.js';
import { QueryError } from '../errors.js';
import { splitStatements, tokenize } from '../sql-text.js';
import type { AthenaPage, AthenaPort, AthenaState } from './port.js';
import { athenaValue, uniqueNames } from './values.js';

export interface OpenAthenaOptions {
  readonly athena: AthenaPort;
  /** Glue database of the table. */
  readonly database: string;
  /** Workgroup; its scan limit and result location hold. */
  readonly workgroup: string;
  /** Waits between looks, ms; rejects with the signal's reason when it is aborted. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Text that is unique for every query: a start that is sent twice is one query. At least 32 characters. */
  readonly createToken: () => string;
}

/** US dollars for 10^12 scanned bytes, and the least that a query is counted as: https://aws.amazon.com/athena/pricing/, us-east-1, seen 2026-11-27. */
export const athenaPrice: { readonly dollarsPerTerabyte: number; readonly leastBytes: number } = {
  dollarsPerTerabyte: 5,
  leastBytes: 10_000_000,
};

/** What a query that scanned so many bytes costs, US dollars. Nothing is charged where nothing was scanned. */
export function athenaDollars(bytesScanned: number): number {
  if (bytesScanned <= 0) return 0;
  return (Math.max(bytesScanned, athenaPrice.leastBytes) / 1e12) * athenaPrice.dollarsPerTerabyte;
}

const FIRST_LOOK_MS = 200;
const LONGEST_LOOK_MS = 3000;
const reading = new Set(['select', 'with', 'values', 'table', 'show', 'describe', 'desc', 'explain']);

/** Only what reads: the table is written by SchemaHub alone. */
function requireReading(sql: string): void {
  const first =
    tokenize(sql)
      .tokens.find(({ text }) => text !== '(')
      ?.text.toLowerCase() ?? '';
  if (reading.has(first)) return;
  throw new QueryError(
    'not-allowed',
    `${first.toUpperCase()} is not run: queries only read (SELECT, WITH, VALUES, SHOW, DESCRIBE, EXPLAIN). Tables are changed by schemahub's own commands.`,
  );
}

/** Which error Athena's own words are. */
function failureOf(reason: string): QueryError {
  const code =
    /SYNTAX_ERROR: line \d+:\d+: (Column|Table|Function|Schema|View)|COLUMN_NOT_FOUND|TABLE_NOT_FOUND|FUNCTION_NOT_FOUND|TYPE_MISMATCH|does not exist/i.test(
      reason,
    )
      ? 'invalid-query'
      : /SYNTAX_ERROR|mismatched input|ParsingException/i.test(reason)
        ? 'syntax'
        : /access ?denied|not authorized|PERMISSION/i.test(reason)
          ? 'not-allowed'
          : /EXCEEDED_(LOCAL|GLOBAL)?_?MEMORY|exhausted resources/i.test(reason)
            ? 'out-of-memory'
            : /ICEBERG_(BAD_DATA|CANNOT_OPEN|INVALID_METADATA|MISSING)|HIVE_(BAD_DATA|CANNOT_OPEN|CURSOR)/i.test(reason)
              ? 'unreadable-file'
              : 'failed';
  const hint = /bytes scanned limit/i.test(reason)
    ? ' The workgroup’s scan limit stopped it: name a symbol and a time, or raise athena_scan_limit_gb.'
    : '';
  return new QueryError(code, `Athena: ${reason}${hint}`);
}

async function finished(
  options: OpenAthenaOptions,
  id: string,
  signal: AbortSignal | undefined,
): Promise<Extract<AthenaState, { state: 'succeeded' }>> {
  for (let wait = FIRST_LOOK_MS; ; wait = Math.min(wait * 1.5, LONGEST_LOOK_MS)) {
    const state = await options.athena.look(id);
    if (state.state === 'succeeded') return state;
    if (state.state !== 'running') throw failureOf(state.reason);
    await options.sleep(wait, signal);
  }
}

/** Starts a statement and waits for its end. However it is left before, it is stopped: nobody pays for an unread answer. */
async function execute(options: OpenAthenaOptions, sql: string, signal: AbortSignal | undefined) {
  signal?.throwIfAborted();
  requireReading(sql);
  const { athena, database, workgroup } = options;
  const id = await athena.start({ sql, database, workgroup, token: options.createToken() });
  try {
    const state = await finished(options, id, signal);
    return { id, state };
  } catch (error) {
    if (!(error instanceof QueryError) || error.code === 'unavailable') await athena.stop(id).catch(() => undefined);
    throw error;
  }
}

const columnsOf = ({ columns }: AthenaPage): QueryColumn[] => {
  const names = uniqueNames(columns.map(({ name }) => name));
  return columns.map(({ type }, index) => ({ name: names[index]!, type: type.toUpperCase() }));
};

/** A SELECT's first row repeats the names. */
function isHeader(row: readonly (string | null)[] | undefined, { columns }: AthenaPage): boolean {
  return row !== undefined && columns.length > 0 && columns.every(({ name }, index) => row[index] === name);
}

const rowOf = (texts: readonly (string | null)[], { columns }: AthenaPage): QueryRow =>
  columns.map(({ type }, index) => athenaValue(texts[index] ?? null, type));

async function read(options: OpenAthenaOptions, sql: string, run: RunOptions): Promise<QueryResult> {
  const { signal, maxRows = Number.POSITIVE_INFINITY } = run;
  const { id, state } = await execute(options, sql, signal);
  const first = await options.athena.page(id, undefined);
  let rowCount = 0;
  let truncated = false;
  async function* batches(): AsyncGenerator<readonly QueryRow[]> {
    let page = first;
    let texts = isHeader(first.rows[0], first) ? first.rows.slice(1) : first.rows;
    for (;;) {
      const taken = texts.slice(0, maxRows - rowCount);
      truncated = taken.length < texts.length;
      rowCount += taken.length;
      if (taken.length > 0) yield taken.map((row) => rowOf(row, first));
      if (truncated || page.next === undefined) return;
      if (rowCount >= maxRows) {
        truncated = true;
        return;
      }
      signal?.throwIfAborted();
      page = await options.athena.page(id, page.next);
      texts = page.rows;
    }
  }
  return {
    columns: columnsOf(first),
    rows: batches(),
    get rowCount() {
      return rowCount;
    },
    get truncated() {
      return truncated;
    },
    cost: { bytesScanned: state.bytesScanned, engineMs: state.engineMs, dollars: athenaDollars(state.bytesScanned) },
  };
}

function checkName(option: string, value: unknown, pattern: RegExp): void {
  if (typeof value === 'string' && pattern.test(value)) return;
  throw new QueryError(
    'invalid-options',
    `openAthena: ${option} must be a plain name, got ${JSON.stringify(value) ?? 'nothing'}.`,
  );
}

/**
 * Opens Athena as a query engine on the published Iceberg table. Rows are fetched page by page, about 1,000 in memory.
 * Throws `QueryError` (`invalid-options`).
 */
export function openAthena(options: OpenAthenaOptions): QueryEngine {
  checkName('database', options.database, /^[a-z0-9_]{1,255}$/);
  checkName('workgroup', options.workgroup, /^[A-Za-z0-9._-]{1,128}$/);
  let isClosed = false;
  const run = async (sql: string, runOptions: RunOptions = {}): Promise<QueryResult> => {
    if (isClosed) throw new QueryError('closed', 'The engine was closed.');
    const { statements, rest } = splitStatements(sql);
    const all = rest === '' ? statements : [...statements, rest];
    const last = all.at(-1);
    if (last === undefined) throw new QueryError('syntax', 'There is no statement.');
    for (const statement of all.slice(0, -1)) await execute(options, statement, runOptions.signal);
    return await read(options, last, runOptions);
  };
  const catalog = async (): Promise<Catalog> => {
    const { rows } = await run(
      `SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = '${options.database}' ORDER BY table_name, ordinal_position`,
    );
    const tables = new Map<string, QueryColumn[]>();
    for await (const batch of rows)
      for (const [table, name, type] of batch) {
        const columns = tables.get(String(table)) ?? [];
        tables.set(String(table), [...columns, { name: String(name), type: String(type).toUpperCase() }]);
      }
    return { tables: [...tables].map(([name, columns]) => ({ name, columns })), macros: [] };
  };
  return {
    run,
    catalog,
    close: async () => {
      isClosed = true;
    },
  };
}
