import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { tradesUnifiedWithDecimals } from '@schemahub/core';
import type { TableColumn } from '../duckdb/options.js';
import type { QueryResult, QueryRow } from '../engine.js';

/** One trade, with what does not matter left out. */
export interface FixtureTrade {
  readonly exchange?: string;
  readonly symbol?: string;
  readonly id: number;
  readonly side?: string;
  readonly price?: number;
  readonly quantity?: number;
  readonly ts: string;
}

export const fieldIds =
  '{exchange: 1, symbol: 2, trade_id: 3, side: 4, price: 5, quantity: 6, trade_ts: 7, ingest_ts: 8}';
export const columns: readonly TableColumn[] = tradesUnifiedWithDecimals.columns;

/** A temporary folder of Parquet and JSON Lines files, made with DuckDB and Node alone. */
export interface SnapshotFixture {
  readonly folder: string;
  readonly writeTrades: (name: string, trades: readonly FixtureTrade[]) => Promise<string>;
  /** Writes what a SELECT gives; `options` are those of COPY. */
  readonly copy: (name: string, select: string, options?: string) => Promise<string>;
  readonly writeJsonLines: (name: string, lines: readonly string[]) => Promise<string>;
  readonly remove: () => Promise<void>;
}

export async function createSnapshotFixture(): Promise<SnapshotFixture> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'query-fixture-')));
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  const copy: SnapshotFixture['copy'] = async (name, select, options = `FIELD_IDS ${fieldIds}`) => {
    const path = join(folder, name);
    const list = options === '' ? '' : `, ${options}`;
    await connection.run(`COPY (${select}) TO '${path.replaceAll("'", "''")}' (FORMAT parquet${list})`);
    return path;
  };
  return {
    folder,
    copy,
    writeTrades: (name, trades) => {
      const rows = trades.map(
        ({ exchange = 'COINBASE', symbol = 'BTC-USD', id, side = 'BUY', price = 100, quantity = 1, ts }) =>
          `('${exchange}', '${symbol}', '${id}', '${side}', ${price}::DOUBLE, ${quantity}::DOUBLE, TIMESTAMPTZ '${ts}', TIMESTAMPTZ '2025-12-31T00:00:00Z')`,
      );
      const names = 'exchange, symbol, trade_id, side, price, quantity, trade_ts, ingest_ts';
      return copy(name, `SELECT * FROM (VALUES ${rows.join(', ')}) AS t(${names})`);
    },
    writeJsonLines: async (name, lines) => {
      const path = join(folder, name);
      await writeFile(path, gzipSync(`${lines.join('\n')}\n`));
      return path;
    },
    remove: async () => {
      connection.closeSync();
      instance.closeSync();
      await rm(folder, { recursive: true });
    },
  };
}

export async function allRows(result: QueryResult): Promise<QueryRow[]> {
  const rows: QueryRow[] = [];
  for await (const batch of result.rows) rows.push(...batch);
  return rows;
}

/** A result from rows at hand, in batches of two. */
export function resultOf(columnTypes: Readonly<Record<string, string>>, rows: readonly QueryRow[]): QueryResult {
  let rowCount = 0;
  return {
    columns: Object.entries(columnTypes).map(([name, type]) => ({ name, type })),
    rows: (async function* () {
      for (let at = 0; at < rows.length; at += 2) {
        const batch = rows.slice(at, at + 2);
        rowCount += batch.length;
        yield batch;
      }
    })(),
    get rowCount() {
      return rowCount;
    },
    truncated: false,
  };
}
