import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { cellAt, columnOf } from '@schemahub/columns';
import { tradesUnified } from '@schemahub/core';
import { RangeSet } from '@schemahub/coverage';
import { openParquet } from '@schemahub/parquet-sink/read';
import type { Truth } from './truth.js';
import type { SimVenue } from './venues.js';

const RAW_NAME = /^(\d{20})-(\d{20})_(\d+)_[0-9a-f]{32}(?:\.r\d+)?\.jsonl\.gz$/;

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Who knows what was traded, and how the exchange says it. */
export interface Witness {
  readonly truth: Truth;
  readonly venue: SimVenue;
}

/** The ids of a raw object, each row compared with the exchange's trade. Throws with what is wrong. */
export function readRaw(witness: Witness, product: string, key: string, bytes: Uint8Array): RangeSet {
  const name = RAW_NAME.exec(key.slice(key.lastIndexOf('/') + 1));
  if (name === null) throw new Error('its name is none of a raw object');
  const lines = gunzipSync(bytes).toString('utf8').split('\n').slice(0, -1);
  const ids = lines.map((line) => checkRawLine(witness, product, line));
  if (ids.some((id, i) => i > 0 && id <= ids[i - 1]!)) throw new Error('its ids do not ascend');
  const [first, last, count] = name.slice(1, 4).map(Number);
  if (ids[0] !== first || ids.at(-1) !== last || ids.length !== count)
    throw new Error('its name does not fit its rows');
  return RangeSet.fromIds(ids);
}

function checkRawLine({ truth, venue }: Witness, product: string, line: string): number {
  const row = JSON.parse(line) as Record<string, unknown>;
  const { id, side, price, size, micros } = venue.factsOf(row);
  const trade = truth.trade(product, id);
  if (trade === undefined) throw new Error(`the exchange never had a trade ${id}`);
  const isSame = side === trade.side && price === trade.price && size === trade.size;
  if (!isSame || !venue.isTimeOf(trade, micros)) throw new Error(`row ${id} is not the exchange's trade: ${line}`);
  if (row.product_id !== product || typeof row._source_ingest_ts !== 'string')
    throw new Error(`row ${id} lacks its origin`);
  return id;
}

export interface ListedFile {
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
  readonly ids: RangeSet;
}

export interface ListedProduct {
  readonly product: string;
  readonly key: string;
  readonly present: RangeSet;
  readonly quarantined: RangeSet;
  readonly files: readonly ListedFile[];
}

/** A file list as stored, read without the lake's own code. */
export function readList(key: string, bytes: Uint8Array): ListedProduct {
  const value = JSON.parse(gunzipSync(bytes).toString('utf8')) as {
    product_id: string;
    present: string;
    quarantined: string;
    files: { path: string; rows: number; bytes: number; sha256: string; ids: string }[];
  };
  return {
    product: value.product_id,
    key,
    present: RangeSet.parse(value.present),
    quarantined: RangeSet.parse(value.quarantined),
    files: value.files.map((file) => ({ ...file, ids: RangeSet.parse(file.ids) })),
  };
}

/** Every row of a data file against the exchange's trade. Throws with what is wrong. */
export async function checkDataFile(
  { truth, venue }: Witness,
  product: string,
  file: ListedFile,
  bytes: Uint8Array,
): Promise<void> {
  const base = venue.productOf('').replace(/^-/, '');
  const name = `${product.slice(0, -base.length).replace(/-$/, '')}-${venue.quote}`;
  if (bytes.length !== file.bytes || sha256Of(bytes) !== file.sha256)
    throw new Error('size or sha256 differ from the commit');
  const open = await openParquet({ bytes });
  const ids: number[] = [];
  for await (const batch of open.batches(tradesUnified)) {
    const columns = tradesUnified.columns.map(({ name }) => columnOf(batch, name));
    for (let row = 0; row < batch.rows; row++) {
      const [exchange, symbol, text, side, price, quantity, micros] = columns.map((column) => cellAt(column, row));
      const id = Number(text);
      const trade = truth.trade(product, id);
      if (trade === undefined) throw new Error(`the exchange never had a trade ${text}`);
      const isSame =
        exchange === venue.exchange.toUpperCase() &&
        symbol === name &&
        text === String(id) &&
        side === (trade.side === 'buy' ? 'SELL' : 'BUY') &&
        price === Number(trade.price) &&
        quantity === Number(trade.size) &&
        venue.isTimeOf(trade, Number(micros));
      if (!isSame)
        throw new Error(`row ${id} is not the exchange's trade: ${[side, price, quantity, micros].join(' ')}`);
      ids.push(id);
    }
  }
  if (ids.length !== file.rows || !RangeSet.fromIds(ids).equals(file.ids) || file.ids.count !== ids.length)
    throw new Error(
      `holds ${ids.length} rows of ids ${RangeSet.fromIds(ids)}, the commit says ${file.rows} of ${file.ids}`,
    );
}
