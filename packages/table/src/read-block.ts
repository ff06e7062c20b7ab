import {
  type ColumnBatch,
  columnOf,
  concatBatches,
  findSteps,
  gather,
  sortPermutation,
  textAt,
} from '@schemahub/columns';
import { RangeSet } from '@schemahub/coverage';
import { BLOCK_IDS, type OpenRawObject, openRawObject, type RawName } from '@schemahub/lake';
import { createScanner, type RefusedRecord, type Scanner, type ScanReport } from '@schemahub/mapping-engine';
import { roomForBlock } from './block-columns.js';
import type { BlockHooks, BlockProduct } from './block-work.js';
import { mappingOf, type TableContext } from './context.js';
import { type ConflictSample, dedupe } from './dedupe.js';
import { type RefusedSample, TableError } from './errors.js';
import { type BlockPlan, mostRows } from './plan-transform.js';
import { refusedSample } from './quarantine.js';
import { productKey } from './raw-product.js';
import { scanObject, type UnreadableObject, unreadableCode } from './scan-object.js';
import { TRADE_COLUMNS } from './trade-columns.js';

/** The rows of one block, one an id, sorted; and what was met while reading them. */
export interface BlockRows {
  readonly batch: ColumnBatch;
  /** Ascending by (trade_ts, trade_id as a number). */
  readonly rows: Uint32Array;
  readonly ids: RangeSet;
  /** Records of the block whose id was not wanted: it is in the table already. */
  readonly dropped: number;
  readonly duplicates: number;
  /** Ids whose copies tell different trades. */
  readonly conflicts: number;
  readonly conflictSamples: readonly ConflictSample[];
  readonly refused: readonly RefusedRecord[];
  readonly unreadable: readonly UnreadableObject[];
  readonly scans: readonly ScanReport[];
}

export interface ReadBlockOptions {
  readonly product: BlockProduct;
  readonly plan: BlockPlan;
  /** Archived raw counts as unreadable: for commands that re-derive. */
  readonly archived: boolean;
  /** Rows that are read before copies are dropped. Default a block and a quarter, 2,621,440. */
  readonly maxBatchRows?: number | undefined;
  readonly onRefused?: BlockHooks['onRefused'];
}

/** A block with a few copies is one batch. */
const MAX_BATCH_ROWS: number = BLOCK_IDS + BLOCK_IDS / 4;
const MAX_SAMPLES = 10;

/** What accumulates over the objects of a block. */
interface Reading {
  readonly options: ReadBlockOptions;
  dropped: number;
  duplicates: number;
  conflicts: number;
  refused: number;
  readonly conflictSamples: ConflictSample[];
  /** One bit an id of the block; built at the first conflict. */
  conflictBits: Uint8Array | undefined;
  readonly unreadable: UnreadableObject[];
  readonly scans: ScanReport[];
}

/**
 * Reads a block's raw objects into one sorted, duplicate-free batch. Memory: 52 bytes a row (84 with decimals) and 48 a
 * row while sorting; objects that overlap so much that they hold more than a block and a quarter are read in parts.
 */
export async function readBlock(context: TableContext, options: ReadBlockOptions): Promise<BlockRows> {
  const reading: Reading = {
    options,
    dropped: 0,
    duplicates: 0,
    conflicts: 0,
    refused: 0,
    conflictSamples: [],
    conflictBits: undefined,
    unreadable: [],
    scans: [],
  };
  const groups = groupNames(options.plan, options.maxBatchRows ?? MAX_BATCH_ROWS);
  let batch: ColumnBatch | undefined;
  let winners: Uint32Array = new Uint32Array(0);
  for (const [at, names] of groups.entries()) {
    const more = await scanGroup(context, reading, names);
    batch = batch === undefined ? more : concatBatches([batch, more]);
    requirePartition(options.product, batch);
    const start = context.stopwatch.now();
    const { rows, duplicates } = dedupe(batch, (sample, id) => noteConflict(reading, sample, id));
    reading.duplicates += duplicates;
    winners = rows;
    if (at < groups.length - 1) batch = gather(batch, winners, 0, winners.length);
    context.stopwatch.add('sort', start);
  }
  const whole = batch!; // a plan has at least one object
  const start = context.stopwatch.now();
  const ids = idsOfRows(whole, winners);
  // Stable: rows of one time stay ascending by id.
  const rows = sortPermutation(whole, { keys: [TRADE_COLUMNS.tradeTs], rows: winners });
  context.stopwatch.add('sort', start, { items: rows.length });
  const { product, plan } = options;
  const { exchange, productId } = product;
  context.emit({
    type: 'block',
    exchange,
    productId,
    block: plan.block,
    rows: rows.length,
    objects: plan.names.length,
  });
  return { ...reading, batch: whole, rows, ids, refused: reading.scans.flatMap(({ refused }) => refused) };
}

/** Says that nobody reads a block's rows any more: the next `readBlock` of the context writes over them. */
export function releaseRows(context: TableContext, { batch }: BlockRows): void {
  context.spare.batch = batch;
}

/** Rows rarely leave the order of their ids; beyond so many runs the ids are sorted. */
const MOST_RUNS = 100_000;

/** Ids of chosen rows. */
export function idsOfRows(batch: ColumnBatch, rows: Uint32Array): RangeSet {
  const ids = columnOf(batch, TRADE_COLUMNS.id).values as Float64Array;
  const starts = findSteps(ids, rows, { step: 1, isStep: false, most: MOST_RUNS });
  if (starts !== undefined) {
    const lastOf = (run: number): number => ids[rows[(starts[run + 1] ?? rows.length) - 1]!]!;
    return RangeSet.fromRanges(Array.from(starts, (start, run) => ({ first: ids[rows[start]!]!, last: lastOf(run) })));
  }
  return RangeSet.fromIds(Float64Array.from(rows, (row) => ids[row]!));
}

function groupNames({ names, ids }: BlockPlan, maxRows: number): RawName[][] {
  const groups: RawName[][] = [];
  let room = 0;
  for (const name of names) {
    const rows = mostRows(name, ids);
    if (groups.length === 0 || rows > room) {
      groups.push([]);
      room = maxRows;
    }
    groups.at(-1)!.push(name);
    room -= rows;
  }
  return groups;
}

async function scanGroup(context: TableContext, reading: Reading, names: readonly RawName[]): Promise<ColumnBatch> {
  const { product, plan } = reading.options;
  const blockFirst = plan.block * BLOCK_IDS;
  const blockLast = blockFirst + BLOCK_IDS - 1;
  const [first, last] = [plan.ids.first!, plan.ids.last!];
  const isDense = plan.ids.rangeCount === 1;
  let dropped = 0;
  // One more than can come: the scanner makes room before it knows whether it keeps a record.
  const capacity = names.reduce((sum, name) => sum + mostRows(name, plan.ids), 1);
  const spare = context.spare.batch ?? roomForBlock(context.schema, capacity);
  context.spare.batch = undefined;
  const scanner = createScanner({
    spare,
    mapping: mappingOf(context, product.source),
    schema: context.schema,
    capacity,
    maxRefusals: BLOCK_IDS,
    keepId: (id) => {
      if (id >= first && id <= last && (isDense || plan.ids.contains(id))) return true;
      if (id >= blockFirst && id <= blockLast) dropped += 1;
      return false;
    },
    keepsAll: (from, to) => isDense && from >= first && to <= last,
  });
  for await (const { name, load } of readAhead(context, names)) {
    try {
      await scanOne(context, scanner, name, load, reading);
    } catch (error) {
      const code = unreadableCode(error, reading.options.archived);
      if (code === undefined) throw error;
      const reason = (error as Error).message;
      const { exchange, productId } = product;
      const { key, first, last } = name;
      reading.unreadable.push({ exchange, productId, key, first, last, code, reason });
      context.emit({ type: 'unreadable', key: name.key, reason });
    }
  }
  reading.dropped += dropped;
  const report = scanner.report();
  requireListedRefusals(product, report);
  reading.scans.push(report);
  return scanner.take();
}

async function scanOne(
  context: TableContext,
  scanner: Scanner,
  name: RawName,
  load: Promise<OpenRawObject>,
  reading: Reading,
): Promise<void> {
  context.signal?.throwIfAborted();
  const start = context.stopwatch.now();
  const object = await load;
  context.stopwatch.add('read', start, { items: 1 });
  const scan = await scanObject(context, scanner, name, object);
  const end = context.stopwatch.now();
  context.stopwatch.add('read', end, { bytes: object.bytesRead() });
  context.stopwatch.add('map', end, { items: scan.records });
  if (scan.refused === 0) return;
  reading.refused += scan.refused;
  reading.options.onRefused?.(reading.refused, () => samplesOf(scanner.report()));
}

/** Fetches and unpacks the next object while one is scanned: one ahead hides a store's latency and costs its 24 MB. */
async function* readAhead(
  context: TableContext,
  names: readonly RawName[],
): AsyncGenerator<{ readonly name: RawName; readonly load: Promise<OpenRawObject> }> {
  const load = (at: number): Promise<OpenRawObject> | undefined => {
    const name = names[at];
    if (name === undefined) return undefined;
    const promise = openRawObject(context.store, name);
    promise.catch(() => undefined); // met where it is awaited, or not at all when the run ends before
    return promise;
  };
  let next = load(0);
  for (const [at, name] of names.entries()) {
    const current = next!;
    next = load(at + 1);
    yield { name, load: current };
  }
}

function noteConflict(reading: Reading, sample: () => ConflictSample, id: number): void {
  reading.conflictBits ??= new Uint8Array(BLOCK_IDS / 8);
  const bit = id % BLOCK_IDS;
  const mask = 1 << (bit & 7);
  if ((reading.conflictBits[bit >> 3]! & mask) !== 0) return;
  reading.conflictBits[bit >> 3]! |= mask;
  reading.conflicts += 1;
  if (reading.conflictSamples.length < MAX_SAMPLES) reading.conflictSamples.push(sample());
}

/** A row in another exchange's or symbol's folder would be told twice, or never, by readers that trust folders. */
function requirePartition(product: BlockProduct, batch: ColumnBatch): void {
  const expected = { [TRADE_COLUMNS.exchange]: product.exchange.toUpperCase(), [TRADE_COLUMNS.symbol]: product.symbol };
  for (const [name, value] of Object.entries(expected)) {
    const column = columnOf(batch, name);
    if (column.kind === 'dictionary' && column.values.every((text) => text === value)) continue;
    for (let row = 0; row < batch.rows; row += 1) {
      const text = textAt(column, row);
      if (text === value) continue;
      throw new TableError(
        'wrong-partition',
        `${productKey(product)}: a record of ${product.source} gives ${name} ${JSON.stringify(text)}, expected ${JSON.stringify(value)}. Correct the mapping (symbol_map, constants) or the product's symbol; nothing was committed.`,
      );
    }
  }
}

/** An id that the report does not know can be neither in the table nor in quarantine. */
function requireListedRefusals(product: BlockProduct, report: ScanReport): void {
  if (report.refusedBeyond === 0) return;
  throw new TableError(
    'too-many-bad',
    `${productKey(product)}: more refused records in one block than can be quarantined (${report.refused.length + report.refusedBeyond}). Correct the mapping; nothing was committed.`,
    { samples: samplesOf(report) },
  );
}

function samplesOf(report: ScanReport): RefusedSample[] {
  return report.refused.slice(0, MAX_SAMPLES).map(refusedSample);
}
