import { DuckDBInstance } from '@duckdb/node-api';

/** How DuckDB reads the raw lines; exact types given, so that it need not look first. */
const COLUMNS = `{trade_id: 'BIGINT', side: 'VARCHAR', size: 'DOUBLE', price: 'DOUBLE', time: 'TIMESTAMPTZ', _symbol: 'VARCHAR', _source_ingest_ts: 'TIMESTAMPTZ'}`;

const SELECT = `'COINBASE' AS exchange, _symbol AS symbol, CAST(trade_id AS VARCHAR) AS trade_id,
  CASE side WHEN 'buy' THEN 'SELL' WHEN 'sell' THEN 'BUY' END AS side, price, size AS quantity,
  time AS trade_ts, _source_ingest_ts AS ingest_ts`;

export function readLines(glob: string): string {
  return `read_json('${glob}', format = 'newline_delimited', columns = ${COLUMNS})`;
}

/**
 * The same work in one statement. The fastest of four forms tried (docs/performance.md): DISTINCT ON without an order
 * keeps whichever copy comes first; `exact` says which one must win, and costs more.
 */
export function transformSql(glob: string, exact: boolean): string {
  const order = exact ? 'ORDER BY _symbol, trade_id, _source_ingest_ts' : '';
  return `SELECT ${SELECT} FROM (SELECT DISTINCT ON (_symbol, trade_id) * FROM ${readLines(glob)} ${order}) AS raw
    ORDER BY raw._symbol, raw.time, raw.trade_id`;
}

export async function connect(threads: number): Promise<Awaited<ReturnType<DuckDBInstance['connect']>>> {
  const instance = await DuckDBInstance.create(':memory:', { threads: String(threads) });
  const connection = await instance.connect();
  await connection.run(`SET TimeZone = 'UTC'`);
  return connection;
}

export async function duckdbTransform(
  glob: string,
  target: string,
  options: { readonly threads: number; readonly codec: string },
): Promise<void> {
  const connection = await connect(options.threads);
  await connection.run(
    `COPY (${transformSql(glob, false)}) TO '${target}' (FORMAT parquet, PARQUET_VERSION v2, COMPRESSION ${options.codec})`,
  );
}

/** Rows that one side has and the other lacks. */
export async function differingRows(left: string, right: string): Promise<number> {
  const connection = await connect(2);
  const reader = await connection.runAndReadAll(
    `SELECT (SELECT count(*) FROM ((${left}) EXCEPT ALL (${right}))) + (SELECT count(*) FROM ((${right}) EXCEPT ALL (${left})))`,
  );
  return Number(reader.getRows()[0]![0]);
}
