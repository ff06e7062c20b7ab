import type { CellValue, ColumnBatch, TableSchema } from '@schemahub/columns';
import { type ColumnStore, createColumnStore, type StoreColumn, type StoreColumnSpec } from './column-store.js';
import { createLineInterpreter, type InterpretedLine, rulesBySchema } from './interpreter.js';
import { NO_MATCH } from './json-bytes.js';
import { type KernelState, readLine } from './line-kernel.js';
import type { Destination } from './line-shape.js';
import { createLineSplitter } from './line-splitter.js';
import { createLineBytes, type LineBytes } from './line-words.js';
import type { ColumnRule, Mapping } from './mapping.js';
import { applyRule, type DigitLoss } from './rule.js';
import { createScanLedger, type ScanLedger, type SourceAccount } from './scan-ledger.js';
import type { ScanReport, SourceScan } from './scan-report.js';
import { createShapeMemory, type ShapeMemory } from './shape-memory.js';

export interface ScannerOptions {
  /** A checked mapping; see loadMapping. */
  readonly mapping: Mapping;
  /** The table to fill: the mapping's, with or without its optional columns. */
  readonly schema: TableSchema;
  /** Rows with which a batch starts; it doubles as needed. Exact where the number of rows is known. Default 16,384. */
  readonly capacity?: number | undefined;
  /** Which ids to keep; the others are skipped and counted, refused or not. Default all. Decimal ids only. */
  readonly keepId?: ((id: number) => boolean) | undefined;
  /** Refused records, and damaged lines, that are listed; the rest is counted. Default 10,000. */
  readonly maxRefusals?: number | undefined;
  /** A longer line is damage. It is held in memory whole. Default 16 MiB. */
  readonly maxLineBytes?: number | undefined;
}

/** From bytes to columns, one source after the other into one batch. */
export interface Scanner {
  /** Rows waiting for `take`. */
  readonly rows: number;
  /** Starts a source; its name and line numbers appear in the report. Throws ScannerStateError within another source. */
  readonly begin: (source: string) => void;
  /** Reads a piece of the source, cut anywhere. Nothing of it is kept or referred to afterwards. */
  readonly feed: (chunk: Uint8Array) => void;
  /** Ends the source; a last line without line end counts. */
  readonly end: () => SourceScan;
  /** Takes back all of the source begun or just ended: its rows, counts and refusals. Throws once its rows were taken. */
  readonly discard: () => void;
  /** The rows so far; the batch owns its arrays. May be called within a source to bound the memory. */
  readonly take: () => ColumnBatch;
  readonly report: () => ScanReport;
}

const DEFAULT_CAPACITY = 16_384;
const DEFAULT_MAX_REFUSALS = 10_000;
const DEFAULT_MAX_LINE_BYTES = 16 * 2 ** 20;

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** The parts of a scanner. */
interface ScannerParts {
  readonly store: ColumnStore;
  readonly ledger: ScanLedger;
  readonly memory: ShapeMemory;
  readonly kernel: KernelState;
  readonly interpret: (line: Uint8Array) => InterpretedLine;
  /** Where decimal ids are read back from; undefined for text ids. */
  readonly ids: StoreColumn | undefined;
  readonly keepId: ((id: number) => boolean) | undefined;
  readonly maxLineBytes: number;
}

/** Throws RangeError for an option out of range, MappingError SCHEMA_MISMATCH for another table's schema. */
export function createScanner(options: ScannerOptions): Scanner {
  const parts = createParts(options);
  const { store, ledger, memory } = parts;
  const splitter = createLineSplitter({
    maxLineBytes: parts.maxLineBytes,
    onLines: (bytes, from, to) => scanLines(parts, ledger.current!, bytes, from, to),
    onOversizedLine: () => refuseOversizedLine(parts, ledger.current!),
  });
  return {
    get rows() {
      return store.rows;
    },
    begin: (source) => {
      ledger.begin(source, store.rows);
      memory.startSource();
      splitter.reset();
    },
    feed: (chunk) => {
      ledger.open().bytes += chunk.length;
      splitter.feed(chunk);
    },
    end: () => {
      ledger.open();
      splitter.end();
      return ledger.end();
    },
    discard: () => {
      store.rows = ledger.discard();
      splitter.reset();
    },
    take: () => {
      ledger.taken();
      return store.take();
    },
    report: ledger.report,
  };
}

function createParts(options: ScannerOptions): ScannerParts {
  const { mapping, schema, keepId } = options;
  const capacity = positiveInteger('capacity', options.capacity ?? DEFAULT_CAPACITY);
  const maxRefusals = positiveInteger('maxRefusals', options.maxRefusals ?? DEFAULT_MAX_REFUSALS);
  const maxLineBytes = positiveInteger('maxLineBytes', options.maxLineBytes ?? DEFAULT_MAX_LINE_BYTES);
  if (keepId !== undefined && mapping.idKind === 'text') {
    throw new RangeError(
      'keepId was given for a mapping with text ids; expected a mapping with decimal ids. Leave keepId out.',
    );
  }
  const rules = rulesBySchema(mapping, schema);
  const specs = rules.map((rule, index) => storeColumnSpec(mapping, schema.columns[index]!.type, rule));
  const store = createColumnStore(schema, specs, capacity);
  const destinations = destinationsByField(store.columns, rules);
  const idAt = schema.columns.findIndex((column) => column.name === mapping.idColumn);
  return {
    store,
    ledger: createScanLedger({ mappedFields: new Set(destinations.keys()), maxRefusals }),
    memory: createShapeMemory(destinations),
    kernel: {
      store,
      fixed: fixedColumns(store.columns, rules),
      loss: noLoss(),
      digits: Float64Array.of(Number.NaN, 0),
      chunks: 0,
    },
    interpret: createLineInterpreter(mapping, schema),
    ids: mapping.idKind === 'decimal' ? store.columns[idAt]! : undefined,
    keepId,
    maxLineBytes,
  };
}

function positiveInteger(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new RangeError(`${name} is ${value}; expected a whole number of at least 1. Leave it out for the default.`);
}

function storeColumnSpec(
  mapping: Mapping,
  type: TableSchema['columns'][number]['type'],
  rule: ColumnRule | undefined,
): StoreColumnSpec {
  if (type !== 'string') return { kind: type };
  if (rule?.column === mapping.idColumn) return { kind: mapping.idKind === 'decimal' ? 'id' : 'text' };
  return { kind: 'dictionary', constant: rule?.constant === null ? undefined : constantText(rule) };
}

function constantText(rule: ColumnRule | undefined): string | undefined {
  return rule === undefined ? undefined : String(constantValue(rule));
}

/** The mapping was checked with its constants, so they are values. */
function constantValue(rule: ColumnRule): CellValue {
  return applyRule(rule, undefined, noLoss()) as CellValue;
}

function noLoss(): DigitLoss {
  return { inexactDecimals: 0, decimalOverflows: 0 };
}

function destinationsByField(
  columns: readonly StoreColumn[],
  rules: readonly (ColumnRule | undefined)[],
): ReadonlyMap<string, readonly Destination[]> {
  const destinations = new Map<string, Destination[]>();
  rules.forEach((rule, index) => {
    if (rule === undefined || rule.field === null) return;
    const targets = destinations.get(rule.field) ?? [];
    const isPlainDecimal =
      rule.conversion === 'decimal' &&
      rule.minimum === null &&
      rule.allowed === null &&
      rule.steps.every((step) => step.kind === 'default');
    targets.push({ column: columns[index]!, rule, isPlainDecimal });
    destinations.set(rule.field, targets);
  });
  return destinations;
}

function fixedColumns(
  columns: readonly StoreColumn[],
  rules: readonly (ColumnRule | undefined)[],
): KernelState['fixed'] {
  return columns.flatMap((column, index) => {
    const rule = rules[index];
    if (rule === undefined) return [{ column, value: null }];
    if (rule.field !== null || column.constant !== undefined) return [];
    return [{ column, value: constantValue(rule) }];
  });
}

/** Whole lines, each with its line feed. */
function scanLines(parts: ScannerParts, account: SourceAccount, bytes: Uint8Array, from: number, to: number): void {
  const line = createLineBytes(bytes, nextChunk(parts.kernel));
  let at = from;
  while (at < to) {
    account.line += 1;
    const next = scanKnownShape(parts, account, line, at);
    if (next !== NO_MATCH) {
      at = next;
      continue;
    }
    const end = bytes.indexOf(LINE_FEED, at);
    scanUnusualLine(parts, account, bytes.subarray(at, end));
    at = end + 1;
  }
}

function nextChunk(kernel: KernelState): number {
  kernel.chunks += 1;
  return kernel.chunks;
}

/** Reads a line by the shapes known; the position of the next line, or NO_MATCH with nothing counted. */
function scanKnownShape(parts: ScannerParts, account: SourceAccount, line: LineBytes, from: number): number {
  const { store, memory, kernel, ids, keepId } = parts;
  const { loss } = kernel;
  store.makeRoom();
  const row = store.rows;
  for (let index = 0; index < memory.shapes.length; index += 1) {
    loss.inexactDecimals = 0;
    loss.decimalOverflows = 0;
    const next = readLine(memory.shapes[index]!, kernel, line, from, row);
    if (next === NO_MATCH) continue;
    if (next - from > parts.maxLineBytes) return NO_MATCH;
    if (index > 0) memory.promote(index);
    if (ids === undefined) countTextId(account);
    else {
      const id = ids.numbers[row]!;
      countId(account, id);
      if (keepId !== undefined && !keepId(id)) {
        account.skipped += 1;
        return next;
      }
    }
    countRow(store, account, loss);
    return next;
  }
  return NO_MATCH;
}

function countRow(store: ColumnStore, account: SourceAccount, loss: DigitLoss): void {
  store.rows += 1;
  account.rows += 1;
  account.inexactDecimals += loss.inexactDecimals;
  account.decimalOverflows += loss.decimalOverflows;
}

function countId(account: SourceAccount, id: number): void {
  // Comparisons with the NaN before the first record are false.
  if (Number.isNaN(account.firstId)) account.firstId = id;
  else if (!(id > account.lastId)) account.ascending = false;
  account.lastId = id;
}

/** Text ids have no order that could be checked. */
function countTextId(account: SourceAccount): void {
  if (account.rows + account.skipped + account.refused > 0) account.ascending = false;
}

/** A line as the interpreter sees it; the line feed is taken off already. */
function scanUnusualLine(parts: ScannerParts, account: SourceAccount, line: Uint8Array): void {
  if (line.length > parts.maxLineBytes) {
    account.line -= 1;
    refuseOversizedLine(parts, account);
    return;
  }
  const record = trimmedLine(line, account.line === 1);
  if (isBlank(record)) return;
  account.slowLines += 1;
  const { result, fields } = parts.interpret(record);
  if (result.kind === 'damaged') {
    parts.ledger.damage(result.reason);
    return;
  }
  parts.ledger.seeFields(fields!);
  parts.memory.learn(record);
  if (typeof result.id === 'string') countTextId(account);
  else {
    countId(account, result.id);
    if (parts.keepId !== undefined && !parts.keepId(result.id)) {
      account.skipped += 1;
      return;
    }
  }
  if (result.kind === 'refused') {
    parts.ledger.refuse(result.id, result.reason, record);
    return;
  }
  const { store } = parts;
  store.columns.forEach((column, index) => {
    store.write(column, store.rows, result.values[index]!);
  });
  countRow(store, account, result);
}

function refuseOversizedLine(parts: ScannerParts, account: SourceAccount): void {
  account.line += 1;
  account.slowLines += 1;
  parts.ledger.damage(`the line is longer than ${parts.maxLineBytes} bytes`);
}

/** Without the carriage return of a CRLF and, on the first line, without a byte order mark. */
function trimmedLine(line: Uint8Array, isFirst: boolean): Uint8Array {
  const from = isFirst && BYTE_ORDER_MARK.every((byte, index) => line[index] === byte) ? BYTE_ORDER_MARK.length : 0;
  const to = line.length > from && line[line.length - 1] === CARRIAGE_RETURN ? line.length - 1 : line.length;
  return line.subarray(from, to);
}

/** Nothing but white space of JSON. */
function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 32 || byte === 9 || byte === CARRIAGE_RETURN);
}
