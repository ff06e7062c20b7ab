import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { cellAt, columnOf } from '@schemahub/columns';
import { tradesUnified } from '@schemahub/core';
import type { CoinbaseSim } from '@schemahub/exchange-sim';
import { openParquet } from '@schemahub/parquet-sink/read';

/** Every file below a folder, by its path there. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}

/** sha256 of every file of a lake by path: two of them are equal when not one byte differs. */
export async function lakeHashes(lake: string): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const path of await filesBelow(lake))
    hashes[path] = createHash('sha256')
      .update(await readFile(join(lake, path)))
      .digest('hex');
  return hashes;
}

/** A row of the table, without ingest_ts: `id|side|price bits|quantity bits|µs`. Numbers are compared by their bits. */
export type RowText = string;

const bits = new DataView(new ArrayBuffer(8));

/** A double by its eight bytes. */
function doubleBits(value: number): string {
  bits.setFloat64(0, value);
  return bits.getBigUint64(0).toString(16).padStart(16, '0');
}

export function rowText(id: string, side: string, price: number, quantity: number, micros: number | bigint): RowText {
  return `${id}|${side}|${doubleBits(price)}|${doubleBits(quantity)}|${micros}`;
}

/** Exact µs of an RFC 3339 text with 0 to 6 digits; independent of the connector's parser. */
export function microsOf(time: string): number {
  const [, seconds = '', fraction = ''] = /^(.{19})(?:\.(\d{1,6}))?Z$/.exec(time) ?? [];
  return Date.parse(`${seconds}Z`) * 1000 + Number(fraction.padEnd(6, '0'));
}

/** What the table must hold of a product: the taker's side is the opposite of the maker's that Coinbase prints. */
export function expectedRows(sim: CoinbaseSim, product: string): RowText[] {
  const rows: RowText[] = [];
  for (const { id, side, price, size, time } of sim.control.tradesOf(product))
    rows.push(rowText(String(id), side === 'buy' ? 'SELL' : 'BUY', Number(price), Number(size), microsOf(time)));
  return rows;
}

export interface TableRows {
  /** By symbol, ascending by id. */
  readonly bySymbol: Readonly<Record<string, readonly RowText[]>>;
  /** µs, by `symbol/id`. */
  readonly ingestTs: ReadonlyMap<string, number>;
}

/** Reads the named Parquet files below a lake with our own reader; every column of every row. */
export async function readTableRows(lake: string, paths: readonly string[]): Promise<TableRows> {
  const bySymbol: Record<string, { id: number; row: RowText }[]> = {};
  const ingestTs = new Map<string, number>();
  for (const path of paths) {
    const open = await openParquet({ bytes: await readFile(join(lake, path)) });
    for await (const batch of open.batches(tradesUnified)) {
      const columns = tradesUnified.columns.map(({ name }) => columnOf(batch, name));
      for (let row = 0; row < batch.rows; row++) {
        const [exchange, symbol, id, side, price, quantity, tradeTs, ingest] = columns.map((column) =>
          cellAt(column, row),
        );
        if (exchange !== 'COINBASE') throw new Error(`${path}: exchange is ${exchange}`);
        const text = rowText(String(id), String(side), Number(price), Number(quantity), Number(tradeTs));
        const rows = bySymbol[String(symbol)] ?? [];
        bySymbol[String(symbol)] = rows;
        rows.push({ id: Number(id), row: text });
        ingestTs.set(`${symbol}/${id}`, Number(ingest));
      }
    }
  }
  return {
    bySymbol: Object.fromEntries(
      Object.entries(bySymbol).map(([symbol, rows]) => [
        symbol,
        rows.sort((a, b) => a.id - b.id).map(({ row }) => row),
      ]),
    ),
    ingestTs,
  };
}
