import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { createLayout, hashRows, padNumber, writeEvidence } from '@schemahub/lake';
import { createFolderStore } from '@schemahub/object-store';
import { loadConfig } from '@schemahub/runtime/config';
import { openLake } from '@schemahub/runtime/lake';
import { openTable } from '@schemahub/runtime/table';
import { type TradeProfile, tradeProfiles } from './profiles.js';
import { createRawLines } from './raw-lines.js';
import { createTradeModel, type Trades } from './trade-model.js';

const compress = promisify(gzip);

/** Version of the data; a folder made by another one is made again. */
const GENERATOR = 3;
export const OBJECT_TRADES = 100_000;
/** Trades that an object shares with the one before it: landed twice, the second time later. */
const OVERLAP_TRADES = 1000;

export interface RawLakeOptions {
  readonly folder: string;
  readonly seed: number;
  /** Records to write, the doubled ones included. */
  readonly records: number;
  readonly payload: boolean;
  /** Gzip level of raw objects; 0 stores the lines as they are. */
  readonly level: number;
  /** Also write all lines, not packed, to `plain.jsonl` beside the lake: what the peers read. */
  readonly plain: boolean;
}

export interface RawLakeFacts {
  readonly records: number;
  readonly trades: number;
  readonly objects: number;
  /** Bytes of lines, not packed. */
  readonly textBytes: number;
  readonly objectBytes: number;
}

/**
 * A lake as `backfill` leaves it, raw objects, evidence and checkpoints, made of seeded trades; memory holds one object. A folder that is
 * there already with the same options is used again.
 */
export async function makeRawLake(options: RawLakeOptions): Promise<RawLakeFacts> {
  const { folder, ...content } = options;
  const marker = join(folder, 'made.json');
  const wanted = JSON.stringify({ generator: GENERATOR, ...content });
  const made = await readFile(marker, 'utf8').then(JSON.parse, () => undefined);
  if (made?.wanted === wanted) return made.facts as RawLakeFacts;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const facts = await writeRawLake(options);
  await writeFile(marker, JSON.stringify({ wanted, facts }));
  return facts;
}

async function writeRawLake(options: RawLakeOptions): Promise<RawLakeFacts> {
  const facts = { records: 0, trades: 0, objects: 0, textBytes: 0, objectBytes: 0 };
  const plain = options.plain ? createWriteStream(join(options.folder, 'plain.jsonl')) : undefined;
  for (const profile of tradeProfiles) {
    for await (const { text, bytes, records } of rawObjects(options, profile)) {
      facts.records += records;
      facts.objects += 1;
      facts.textBytes += text.length;
      facts.objectBytes += bytes;
      if (plain?.write(Uint8Array.from(text)) === false)
        await new Promise<void>((resolve) => plain.once('drain', resolve));
    }
    const trades = tradesOf(options.records * profile.share);
    facts.trades += trades;
    await writeAsked(options, profile, profile.firstId + trades - 1);
  }
  await new Promise<void>((resolve) => (plain === undefined ? resolve() : plain.end(resolve)));
  await writeCheckpoints(options.folder);
  return facts;
}

/** Those that a lake which lost them gets back: the same as `backfill` had written. */
async function writeCheckpoints(folder: string): Promise<void> {
  const config = await loadConfig({ flags: { lake: folder }, environment: {}, folder });
  const lake = await openLake({ config });
  const { products } = await openTable({ lake, config, stop: new AbortController().signal, withoutMappings: true });
  await products();
}

/** What `backfill` writes down beside its raw objects: what was asked for, and the highest id seen. */
async function writeAsked({ folder }: RawLakeOptions, profile: TradeProfile, last: number): Promise<void> {
  const store = createFolderStore({ folder, sleep: async () => undefined });
  await writeEvidence(store, createLayout(), {
    version: 1,
    exchange: 'coinbase',
    product_id: profile.product,
    time: '2026-11-20T12:00:00.000Z',
    symbol: profile.product,
    origin: 'https://api.exchange.coinbase.com',
    asked: `${profile.firstId}-`,
    anchor: profile.firstId,
    head: { id: last, seen_at: '2026-11-20T12:00:00.000Z' },
  });
}

/** Distinct trades of a product that gets so many records. */
function tradesOf(records: number): number {
  const objects = Math.ceil(records / OBJECT_TRADES);
  return Math.round(records) - Math.max(0, objects - 1) * OVERLAP_TRADES;
}

async function* rawObjects(
  options: RawLakeOptions,
  profile: TradeProfile,
): AsyncGenerator<{ readonly text: Uint8Array; readonly bytes: number; readonly records: number }> {
  const model = createTradeModel(profile, options.seed);
  const lines = createRawLines({ product: profile.product, payload: options.payload });
  const prefix = createLayout().raw('coinbase', profile.product);
  const records = Math.round(options.records * profile.share);
  let held: Trades = model(0);
  for (let written = 0; written < records; ) {
    const count = Math.min(OBJECT_TRADES, records - written);
    const shared = written === 0 ? 0 : Math.min(OVERLAP_TRADES, count - 1);
    held = joined(held, held.count - shared, model(count - shared));
    const { text, rows } = lines(held, 0, held.count);
    const [first, last] = [held.ids[0]!, held.ids[held.count - 1]!];
    const name = `${padNumber(first)}-${padNumber(last)}_${count}_${hashRows(held.ids, rows)}.jsonl.gz`;
    const path = join(options.folder, prefix, name);
    const bytes = await compress(text, { level: options.level });
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
    written += count;
    yield { text, bytes: bytes.length, records: count };
  }
}

/** Rows of `left` from `from` on, then those of `right`. */
function joined(left: Trades, from: number, right: Trades): Trades {
  const join = <T extends Float64Array | Int32Array | Uint8Array>(a: T, b: T): T => {
    const rest = a.subarray(from);
    const all = new (a.constructor as new (length: number) => T)(rest.length + b.length);
    all.set(rest);
    all.set(b, rest.length);
    return all;
  };
  return {
    count: left.count - from + right.count,
    ids: join(left.ids, right.ids),
    times: join(left.times, right.times),
    ticks: join(left.ticks, right.ticks),
    sizes: join(left.sizes, right.sizes),
    makerBuys: join(left.makerBuys, right.makerBuys),
  };
}
