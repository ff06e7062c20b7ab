import type { ColumnStore, StoreColumn } from './column-store.js';
import type { InterpretedLine } from './interpreter.js';
import { NO_MATCH } from './json-bytes.js';
import { type KernelState, readLine } from './line-kernel.js';
import { createLineBytes, type LineBytes } from './line-words.js';
import type { DigitLoss } from './rule.js';
import type { ScanLedger, SourceAccount } from './scan-ledger.js';
import type { ShapeMemory } from './shape-memory.js';
import { borrowKernel, type LineProgram, type WasmKernel } from './wasm-kernel.js';

// How lines become rows: pieces of many lines by the compiled kernel, a line that it leaves by the JavaScript kernel, and
// a line of no known shape by the interpreter. All three say the same of every line.

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** The parts of a scanner. */
export interface ScannerParts {
  readonly store: ColumnStore;
  readonly ledger: ScanLedger;
  readonly memory: ShapeMemory;
  readonly kernel: KernelState;
  readonly interpret: (line: Uint8Array) => InterpretedLine;
  /** Where decimal ids are read back from; undefined for text ids. */
  readonly ids: StoreColumn | undefined;
  readonly keepId: ((id: number) => boolean) | undefined;
  readonly keepsAll: ((first: number, last: number) => boolean) | undefined;
  readonly maxLineBytes: number;
  /** Shorter pieces are not worth the compiled kernel. */
  readonly smallestPiece: number;
  /** Borrowed for a batch. */
  wasm: WasmKernel | undefined;
}

/** Whole lines, each with its line feed. */
export function scanLines(
  parts: ScannerParts,
  account: SourceAccount,
  bytes: Uint8Array,
  from: number,
  to: number,
): void {
  const line = createLineBytes(bytes, nextChunk(parts.kernel));
  let at = from;
  while (at < to) {
    const end = pieceEnd(parts, bytes, at, to);
    at = end > at ? scanPiece(parts, account, line, at, end) : scanLine(parts, account, line, at);
  }
}

/** Where a piece of whole lines for the compiled kernel ends; `from` where there is none. */
function pieceEnd(parts: ScannerParts, bytes: Uint8Array, from: number, to: number): number {
  // Once it is borrowed it also reads the single lines that two pieces share: nothing else would, and JavaScript that runs
  // a few thousand times is compiled.
  if ((to - from < parts.smallestPiece && parts.wasm === undefined) || parts.ids === undefined) return from;
  parts.wasm ??= borrowKernel();
  const { maxBytes } = parts.wasm;
  if (parts.maxLineBytes < maxBytes) return from;
  return to - from <= maxBytes ? to : Math.max(from, bytes.lastIndexOf(LINE_FEED, from + maxBytes - 1) + 1);
}

/** Lines that the compiled kernel does not take are read one by one; after so many in a row it is not asked again. */
const MOST_MISSES = 16;

function scanPiece(parts: ScannerParts, account: SourceAccount, line: LineBytes, from: number, to: number): number {
  const { memory, kernel } = parts;
  const wasm = parts.wasm!;
  wasm.load(line.bytes.subarray(from, to));
  let at = from;
  for (let misses = 0; at < to && misses < MOST_MISSES; misses += 1) {
    const shape = memory.shapes[0];
    const program = shape && wasm.programOf(shape);
    if (program !== undefined && isCurrent(parts, program)) {
      const rows = wasm.run(program, at - from, to - from);
      keepRows(parts, account, program, rows);
      at = from + wasm.position();
      if (rows > 0) misses = 0;
      if (at >= to) break;
      kernel.teach = (token, text, code) => wasm.teach(program, token, text, code);
    }
    at = scanLine(parts, account, line, at);
    kernel.teach = undefined;
  }
  while (at < to) at = scanLine(parts, account, line, at);
  return at;
}

/** Whether a program fills the columns as they are kept: one of too many texts is no dictionary any more. */
function isCurrent({ ids }: ScannerParts, { columns }: LineProgram): boolean {
  return (
    columns.some(({ column }) => column === ids) && columns.every(({ column }) => column.kind === column.startKind)
  );
}

/** Rows that the compiled kernel has read, in runs of those that are wanted. */
function keepRows(parts: ScannerParts, account: SourceAccount, program: LineProgram, rows: number): void {
  const { wasm, store, kernel, keepId } = parts;
  account.line += rows;
  const keep = (from: number, to: number): void => {
    if (to === from) return;
    store.makeRoom(to - from);
    wasm!.copyRows(program, store, from, to);
    for (const { column, value } of kernel.fixed)
      for (let row = store.rows; row < store.rows + to - from; row += 1) store.write(column, row, value);
    store.rows += to - from;
    account.rows += to - from;
  };
  const ids = wasm!.numbersOf(program, parts.ids!);
  let from = 0;
  if (rows > 0 && wasm!.ascend(parts.ids!, rows, account.lastId) && keepsAll(parts, ids[0]!, ids[rows - 1]!)) {
    countId(account, ids[0]!);
    account.lastId = ids[rows - 1]!;
    keep(0, rows);
    return;
  }
  for (let row = 0; row < rows; row += 1) {
    const id = ids[row]!;
    countId(account, id);
    if (keepId === undefined || keepId(id)) continue;
    account.skipped += 1;
    keep(from, row);
    from = row + 1;
  }
  keep(from, rows);
}

/** Of ids that ascend. */
function keepsAll({ keepId, keepsAll }: ScannerParts, first: number, last: number): boolean {
  return keepId === undefined || keepsAll?.(first, last) === true;
}

/** The position of the next line. */
function scanLine(parts: ScannerParts, account: SourceAccount, line: LineBytes, from: number): number {
  account.line += 1;
  const next = scanKnownShape(parts, account, line, from);
  if (next !== NO_MATCH) return next;
  const end = line.bytes.indexOf(LINE_FEED, from);
  scanUnusualLine(parts, account, line.bytes.subarray(from, end));
  return end + 1;
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

export function refuseOversizedLine(parts: ScannerParts, account: SourceAccount): void {
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
