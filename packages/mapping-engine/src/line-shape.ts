import type { StoreColumn } from './column-store.js';

import { createLiteral, createTextMemo, type Literal, type TextMemo } from './line-words.js';
import type { ColumnRule, Conversion } from './mapping.js';

/** How the kernel reads a value. The first three only step over it. */
export const SKIP_STRING = 0;
export const SKIP_NUMBER = 1;
export const SKIP_BOOLEAN = 2;
export const READ_ID = 3;
export const READ_DOUBLE = 4;
export const READ_ISO = 5;
export const READ_EPOCH = 6;
export const READ_DICTIONARY = 7;
export const READ_ANY = 8;

/** How a value stands in the line. */
export type Notation = 'string' | 'number' | 'boolean';

/** A column fed by a field: where it goes and by which rule. */
export interface Destination {
  readonly column: StoreColumn;
  readonly rule: ColumnRule;
  /** An exact copy without steps or bounds: written from the digits that its twin read. */
  readonly isPlainDecimal: boolean;
}

/** One value of a line and the fixed bytes before it. All tokens have all members: the kernel stays monomorphic. */
export interface ShapeToken {
  readonly literal: Literal;
  readonly kind: number;
  readonly notation: Notation;
  readonly destination: Destination | undefined;
  /** Other columns of the same field, written from the value's text. */
  readonly others: readonly Destination[];
  readonly minimum: number;
  readonly exclusive: boolean;
  /** µs of one unit, for READ_EPOCH. */
  readonly microsPerUnit: number;
  /** The value's text in the line before, of texts that are stepped over or are times. */
  readonly memo: TextMemo;
  /** The first 17 bytes of a time, up to its minute, for READ_ISO. */
  readonly minute: TextMemo;
}

/** A line as a sequence of fixed bytes and values, learned from one line and checked on every other. */
export interface LineShape {
  readonly tokens: readonly ShapeToken[];
  /** The fixed bytes behind the last value. */
  readonly tail: Literal;
  /** Columns whose fields the line lacks or has as null. */
  readonly absent: readonly Destination[];
  /** Equal for equal shapes. */
  readonly signature: string;
}

/** Lines with more values, or more fixed bytes, are rare and left to the interpreter. */
const MOST_TOKENS = 256;
const MOST_FIXED_BYTES = 16_384;

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const BACKSLASH = 92;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

interface FoundValue {
  /** The top-level key, or undefined within nested values. */
  readonly key: string | undefined;
  readonly from: number;
  readonly to: number;
  readonly notation: Notation;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The shape of a line that is known to be a JSON object (its line end taken off), or undefined where it is too long to
 * be worth it or is refused for its shape. `destinations` are the columns of each mapped field; `constant` fields need no token.
 */
export function learnShape(
  line: Uint8Array,
  destinations: ReadonlyMap<string, readonly Destination[]>,
): LineShape | undefined {
  const found = findValues(line);
  if (found === undefined || found.values.length === 0 || found.values.length > MOST_TOKENS) return undefined;
  // A mapped field that holds an object or array refuses its record, default or not.
  if ([...found.nested].some((key) => destinations.has(key))) return undefined;
  const tokens: ShapeToken[] = [];
  const wanted = new Set<string>();
  let from = 0;
  let fixedBytes = 0;
  for (const value of found.values) {
    const literal = line.slice(from, value.from);
    fixedBytes += literal.length;
    from = value.to;
    // Of equal keys the last counts; earlier ones are stepped over.
    const isWanted = value.key !== undefined && found.lastAt.get(value.key) === value.from;
    const targets = (isWanted ? destinations.get(value.key!) : undefined) ?? [];
    if (targets.length > 0) wanted.add(value.key!);
    tokens.push(createToken(literal, value.notation, targets));
  }
  const tail = line.slice(from);
  if (fixedBytes + tail.length > MOST_FIXED_BYTES) return undefined;
  const absent = [...destinations].filter(([field]) => !wanted.has(field)).flatMap(([, targets]) => targets);
  const signature =
    tokens.map((token) => `${token.kind}${token.notation}${token.literal.bytes.join()}`).join(';') + tail.join();
  return { tokens, tail: createLiteral(tail), absent, signature };
}

function createToken(literal: Uint8Array, notation: Notation, targets: readonly Destination[]): ShapeToken {
  const fast = targets.find((target) => readingOf(target, notation) !== READ_ANY) ?? targets[0];
  const rule = fast?.rule;
  return {
    literal: createLiteral(literal),
    notation,
    kind: fast === undefined ? skippingOf(notation) : readingOf(fast, notation),
    destination: fast,
    others: targets.filter((target) => target !== fast),
    minimum: rule?.minimum ?? Number.NEGATIVE_INFINITY,
    exclusive: rule?.exclusive ?? false,
    microsPerUnit: microsPerUnit(rule?.conversion),
    memo: createTextMemo(),
    minute: createTextMemo(),
  };
}

/** 0 where the number itself says its unit. */
function microsPerUnit(conversion: Conversion | undefined): number {
  if (conversion === 'from_epoch') return 0;
  return conversion === 'from_s' ? 1_000_000 : conversion === 'from_ms' ? 1000 : 1;
}

function skippingOf(notation: Notation): number {
  return notation === 'string' ? SKIP_STRING : notation === 'number' ? SKIP_NUMBER : SKIP_BOOLEAN;
}

/** A present value never meets its default, so a default does not keep a column from the fast ways. */
function readingOf({ rule, column }: Destination, notation: Notation): number {
  if (rule.conversion === 'string' && column.startKind === 'dictionary') return READ_DICTIONARY;
  if (notation === 'boolean' || rule.steps.some((step) => step.kind !== 'default')) return READ_ANY;
  switch (rule.conversion) {
    case 'decimal_id':
      return READ_ID;
    case 'double':
      return READ_DOUBLE;
    case 'iso8601':
      return notation === 'string' ? READ_ISO : READ_ANY;
    case 'from_s':
    case 'from_ms':
    case 'from_us':
    case 'from_epoch':
      return READ_EPOCH;
    default:
      return READ_ANY;
  }
}

interface FoundValues {
  readonly values: readonly FoundValue[];
  /** Where the last text, number, boolean or null of each top-level key starts. */
  readonly lastAt: ReadonlyMap<string, number>;
  /** Top-level keys whose last value is an object or array. */
  readonly nested: ReadonlySet<string>;
}

/** The scalar values of a line, nested ones included; nulls and structure stay fixed bytes. */
function findValues(line: Uint8Array): FoundValues | undefined {
  const values: FoundValue[] = [];
  const lastAt = new Map<string, number>();
  const nested = new Set<string>();
  const nesting: number[] = [];
  let key: string | undefined;
  let isKey = false;
  let at = 0;
  while (at < line.length) {
    const byte = line[at]!;
    const atTop = nesting.length === 1;
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (atTop && key !== undefined) nested.add(key);
      if (nesting.push(byte) > MOST_TOKENS) return undefined;
      isKey = byte === OPEN_BRACE;
      at += 1;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      nesting.pop();
      at += 1;
    } else if (byte === COMMA || byte === COLON) {
      isKey = byte === COMMA && nesting.at(-1) === OPEN_BRACE;
      at += 1;
    } else if (byte <= 32) at += 1;
    else {
      const to = scalarEnd(line, at);
      const isString = byte === QUOTE;
      if (isKey) {
        if (atTop) key = JSON.parse(decoder.decode(line.subarray(at, to))) as string;
      } else {
        const from = isString ? at + 1 : at;
        if (atTop && key !== undefined) {
          lastAt.set(key, from);
          nested.delete(key);
        }
        const notation = isString ? 'string' : byte === 116 || byte === 102 ? 'boolean' : 'number';
        // A null (n) stays a fixed byte.
        if (byte !== 110) values.push({ key: atTop ? key : undefined, from, to: isString ? to - 1 : to, notation });
      }
      at = to;
    }
  }
  return { values, lastAt, nested };
}

/** The position behind a string, number or word. */
function scalarEnd(line: Uint8Array, from: number): number {
  let at = from;
  if (line[at] === QUOTE) {
    at += 1;
    while (line[at] !== QUOTE) at += line[at] === BACKSLASH ? 2 : 1;
    return at + 1;
  }
  while (
    at < line.length &&
    line[at]! > 32 &&
    line[at] !== COMMA &&
    line[at] !== CLOSE_BRACE &&
    line[at] !== CLOSE_BRACKET
  )
    at += 1;
  return at;
}
