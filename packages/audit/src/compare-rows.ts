import { type CellValue, cellAt } from '@schemahub/columns';
import { RangeSet } from '@schemahub/coverage';
import { digestOfRawNames, LakeError, type RawContents, type RawName, readRawObject } from '@schemahub/lake';
import { SETTLED_AGE_MS } from './certificate/proof.js';
import type { FileRows, InspectContext } from './inspect-context.js';
import { MAX_SAMPLES, type Samples } from './samples.js';

/** Of records with one id the least by these is the row (SPEC 6); ingest_ts alone may differ in cells that are not canonical. */
const WINNER_ORDER = ['ingest_ts', 'trade_ts', 'side', 'price', 'quantity'] as const;
const INGEST_TS = 'ingest_ts';

/** What the raw records say about a row so far; 0 means that none was seen. */
const REFUSED = 1;
const DIFFERENT = 2;
const SAME_TRADE = 3;
const SAME = 4;

interface Comparison {
  readonly context: InspectContext;
  readonly rows: FileRows;
  readonly samples: Samples;
  /** The cell is canonical: its ingest times must be those of the winners. */
  readonly canonical: boolean;
  /** Places in the schema of the columns that the file has. */
  readonly places: readonly number[];
  /** Places in the batch of the columns that decide which of several records is the row, in their order. */
  readonly winnerPlaces: readonly number[];
  readonly states: Uint8Array;
  /** First difference of some rows; a later record that agrees takes its row out again. */
  readonly differences: Map<number, string>;
}

/** Compares every row with the raw records that hold its id, one raw object at a time. */
export async function compareRows(context: InspectContext, rows: FileRows, samples: Samples): Promise<void> {
  const { file, batch } = rows;
  const comparison: Comparison = {
    context,
    rows,
    samples,
    canonical: digestOfRawNames(context.nameIndex(file.ids)) === file.rawDigest,
    places: batch.schema.columns.map(({ name }) => context.schema.columns.findIndex((spec) => spec.name === name)),
    winnerPlaces: WINNER_ORDER.map((column) => batch.schema.columns.findIndex(({ name }) => name === column)),
    states: new Uint8Array(batch.rows),
    differences: new Map(),
  };
  for (const name of context.nameIndex(RangeSet.fromIds(rows.ids))) {
    context.signal?.throwIfAborted();
    const contents = await readSound(context, name);
    if (contents !== undefined) compareObject(comparison, contents);
  }
  tellStates(comparison);
}

/** An object that was sound a moment ago; what happened to it since is the next verification's. */
async function readSound(context: InspectContext, name: RawName): Promise<RawContents | undefined> {
  try {
    return await readRawObject(context.store, name, context.readId);
  } catch (error) {
    if (error instanceof LakeError) return undefined;
    throw error;
  }
}

/** Both sides ascend by id: one walk. */
function compareObject(comparison: Comparison, { name, ids, lines }: RawContents): void {
  const { rows } = comparison;
  let at = firstAtLeast(rows.ids, name.first);
  for (let line = 0; line < ids.length && at < rows.ids.length; line += 1) {
    const id = ids[line]!;
    while (at < rows.ids.length && rows.ids[at]! < id) at += 1;
    for (let same = at; same < rows.ids.length && rows.ids[same] === id; same += 1)
      compareRecord(comparison, rows.byId[same]!, id, lines[line]!);
  }
}

function firstAtLeast(ids: Float64Array, id: number): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ids[middle]! < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

function compareRecord(comparison: Comparison, row: number, id: number, line: Uint8Array): void {
  const { context, samples, states, differences, canonical } = comparison;
  const made = context.interpret(line);
  let state = REFUSED;
  if (made.kind === 'row') {
    const { values } = made;
    checkAge(comparison, id, values);
    const odd = differingColumn(comparison, row, values);
    const beaten = canonical && wins(comparison, row, values);
    if (beaten)
      samples.add('row-differs', () => `${describeRow(comparison, row, id, values, odd)} (a record that comes first)`);
    state = beaten || odd === undefined ? SAME : odd === INGEST_TS ? SAME_TRADE : DIFFERENT;
    if (state === DIFFERENT && differences.size < MAX_SAMPLES * MAX_SAMPLES && !differences.has(row))
      differences.set(row, describeRow(comparison, row, id, values, odd));
  }
  states[row] = Math.max(states[row]!, state);
}

function isSame(a: CellValue, b: CellValue): boolean {
  return a === b || Object.is(a, b);
}

/** The first column in which a row differs from a record; ingest_ts only when nothing else does. */
function differingColumn(comparison: Comparison, row: number, values: readonly CellValue[]): string | undefined {
  const { schema, columns } = comparison.rows.batch;
  let odd: string | undefined;
  for (const [index, { name }] of schema.columns.entries()) {
    if (isSame(cellAt(columns[index]!, row), values[comparison.places[index]!]!)) continue;
    if (name !== INGEST_TS) return name;
    odd = name;
  }
  return odd;
}

/** Whether a record would have been the row instead: it is less in the order of winners. */
function wins(comparison: Comparison, row: number, values: readonly CellValue[]): boolean {
  const { columns } = comparison.rows.batch;
  for (const index of comparison.winnerPlaces) {
    const held = cellAt(columns[index]!, row)!;
    const made = values[comparison.places[index]!]!;
    if (made < held) return true;
    if (made > held) return false;
  }
  return false;
}

function describeRow(
  { rows, places }: Comparison,
  row: number,
  id: number,
  values: readonly CellValue[],
  column: string | undefined,
): string {
  const { schema, columns } = rows.batch;
  const name = column ?? INGEST_TS;
  const index = schema.columns.findIndex((spec) => spec.name === name);
  const held = JSON.stringify(cellAt(columns[index]!, row));
  const made = JSON.stringify(values[places[index]!]);
  return `${rows.file.path}: id ${id}: ${name} is ${held}, the raw record gives ${made}`;
}

/** A void is settled only below a trade that was ten minutes old when the first answer came (SPEC 2). */
function checkAge({ context, rows, samples }: Comparison, id: number, values: readonly CellValue[]): void {
  const upper = context.uppers.get(id);
  if (upper === undefined) return;
  const traded = values[context.schema.columns.findIndex(({ name }) => name === 'trade_ts')] as number;
  const ageMs = upper.answeredAt - traded / 1000;
  if (ageMs >= SETTLED_AGE_MS) return;
  const { first, last } = upper.run;
  samples.add(
    'young-void',
    `void run ${first}-${last}: the trade above it, ${id}, was ${Math.round(ageMs / 1000)} s old when the exchange answered, expected at least 600 s (${upper.key ?? rows.file.path}). Settle it again with: schemahub repair`,
  );
}

function tellStates({ context, rows, samples, states, differences, canonical }: Comparison): void {
  const { file, byId, ids } = rows;
  for (let at = 0; at < byId.length; at += 1) {
    const row = byId[at]!;
    const id = ids[at]!;
    const state = states[row]!;
    if (state === SAME || (state === SAME_TRADE && !canonical)) continue;
    if (state === SAME_TRADE) {
      samples.add('row-differs', `${file.path}: id ${id}: ingest_ts is that of no raw record that holds the id`);
    } else if (state === DIFFERENT) {
      samples.add('row-differs', differences.get(row) ?? `${file.path}: id ${id}: no raw record gives this row`);
    } else if (state === REFUSED) {
      samples.add('row-differs', `${file.path}: id ${id}: is a row, but the mapping refuses its raw record`);
    } else if (!context.excused.contains(id)) {
      samples.add('row-without-raw', `${file.path}: id ${id}: is a row, but no raw record holds it`);
    } else if (!file.ids.contains(id)) {
      samples.add('row-without-raw', `${file.path}: id ${id}: is a row that is not listed, and no raw record holds it`);
    }
  }
}
