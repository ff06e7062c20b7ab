import type { CellValue, ColumnBatch, TableSchema } from '@schemahub/columns';
import { createColumnStore, type StoreColumn, type StoreColumnSpec } from './column-store.js';
import { createLineInterpreter, rulesBySchema } from './interpreter.js';
import type { KernelState } from './line-kernel.js';
import type { Destination } from './line-shape.js';
import { createLineSplitter } from './line-splitter.js';
import type { ColumnRule, Mapping } from './mapping.js';
import { applyRule, type DigitLoss } from './rule.js';
import { createScanLedger } from './scan-ledger.js';
import { refuseOversizedLine, type ScannerParts, scanLines } from './scan-lines.js';
import type { ScanReport, SourceScan } from './scan-report.js';
import { createShapeMemory } from './shape-memory.js';
import { returnKernel } from './wasm-kernel.js';

export interface ScannerOptions {
  /** A checked mapping; see loadMapping. */
  readonly mapping: Mapping;
  /** The table to fill: the mapping's, with or without its optional columns. */
  readonly schema: TableSchema;
  /** Rows with which a batch starts; it doubles as needed. Exact where the number of rows is known. Default 16,384. */
  readonly capacity?: number | undefined;
  /** A batch that nobody reads any more: its arrays are written over by the first batch of this scanner. Default none. */
  readonly spare?: ColumnBatch | undefined;
  /** Which ids to keep; the others are skipped and counted, refused or not. Default all. Decimal ids only. */
  readonly keepId?: ((id: number) => boolean) | undefined;
  /** Whether `keepId` would keep every id from the first to the last; saves asking for each. Default: ask for each. */
  readonly keepsAll?: ((first: number, last: number) => boolean) | undefined;
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
const SMALLEST_PIECE = 16_384;

/** Throws RangeError for an option out of range, MappingError SCHEMA_MISMATCH for another table's schema. */
export function createScanner(options: ScannerOptions): Scanner {
  return createScannerFor(options, SMALLEST_PIECE);
}

/** `smallestPiece`: bytes of lines from which on the compiled kernel reads them; for tests. */
export function createScannerFor(options: ScannerOptions, smallestPiece: number): Scanner {
  const parts = createParts(options, smallestPiece);
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
      // A new batch numbers its texts anew.
      if (parts.wasm !== undefined) returnKernel(parts.wasm);
      parts.wasm = undefined;
      return store.take();
    },
    report: ledger.report,
  };
}

function createParts(options: ScannerOptions, smallestPiece: number): ScannerParts {
  const { mapping, schema, keepId, keepsAll } = options;
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
  const store = createColumnStore(schema, specs, capacity, options.spare);
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
      teach: undefined,
    },
    interpret: createLineInterpreter(mapping, schema),
    ids: mapping.idKind === 'decimal' ? store.columns[idAt]! : undefined,
    keepId,
    keepsAll,
    maxLineBytes,
    smallestPiece,
    wasm: undefined,
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
