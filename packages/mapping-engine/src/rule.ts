import { type CellValue, DECIMAL_BYTES, doubleKeepsDecimal, readDecimal, writeDecimal } from '@schemahub/columns';
import type { ColumnRule, TextStep } from './mapping.js';
import { microsFromEpoch, microsFromIso8601 } from './timestamps.js';

/** A record is refused, with the reason in words. */
export interface Refusal {
  readonly refused: string;
}

/** What a field holds: its text (a number's as it stands in the line), null, or something that is no value. */
export type RawValue = string | null | typeof NESTED;

/** An object or array where a value was expected. */
export const NESTED: unique symbol = Symbol('nested');

/** Told about digits that a column could not keep. */
export interface DigitLoss {
  /** A decimal text that its double does not give back. */
  inexactDecimals: number;
  /** A decimal text that DECIMAL(38,18) cannot hold; its column is null. */
  decimalOverflows: number;
}

const DECIMAL = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const INTEGER = /^-?\d+$/;
const CANONICAL_ID = /^(?:0|[1-9]\d{0,15})$/;
const LONE_SURROGATE = /[\ud800-\udfff]/u;

export function isRefusal(value: CellValue | Refusal): value is Refusal {
  return typeof value === 'object' && value !== null;
}

/** The column's value for what the record holds. `undefined` is a field that the record lacks. */
export function applyRule(rule: ColumnRule, raw: RawValue | undefined, loss: DigitLoss): CellValue | Refusal {
  if (raw === NESTED) return refusal(rule, 'is an object or array; expected a text, number or boolean');
  let text: string | null = rule.constant ?? raw ?? null;
  for (const step of rule.steps) {
    const next = applyStep(step, text);
    if (typeof next === 'object' && next !== null) return refusal(rule, next.refused);
    text = next;
  }
  if (text === null) return rule.required ? refusal(rule, 'is missing or null') : null;
  if (rule.allowed !== null && !rule.allowed.includes(text)) {
    return refusal(rule, `is ${quoted(text)}; expected one of ${rule.allowed.join(', ')}`);
  }
  return convert(rule, text, loss);
}

function applyStep(step: TextStep, text: string | null): string | null | Refusal {
  if (step.kind === 'default') return text ?? step.value;
  if (text === null) return null;
  switch (step.kind) {
    case 'upper':
      return text.toUpperCase();
    case 'lower':
      return text.toLowerCase();
    case 'maker_to_taker': {
      const side = text.toUpperCase();
      if (side === 'BUY') return 'SELL';
      return side === 'SELL' ? 'BUY' : { refused: `is ${quoted(text)}; expected the maker's side, buy or sell` };
    }
    case 'enum':
      if (Object.hasOwn(step.values, text)) return step.values[text]!;
      return { refused: `is ${quoted(text)}; expected one of ${Object.keys(step.values).join(', ')}` };
    case 'replace':
      return Object.hasOwn(step.values, text) ? step.values[text]! : text;
  }
}

function convert(rule: ColumnRule, text: string, loss: DigitLoss): CellValue | Refusal {
  switch (rule.conversion) {
    case 'string':
      return LONE_SURROGATE.test(text)
        ? refusal(rule, 'holds half a surrogate pair, which no text file can store')
        : text;
    case 'decimal_id':
      return isCanonicalId(text)
        ? Number(text)
        : refusal(rule, `is ${quoted(text)}; expected a decimal 0 … 2^53−1 without leading zeros`);
    case 'text_id':
      return text === '' || LONE_SURROGATE.test(text)
        ? refusal(rule, `is ${quoted(text)}; expected a text that is not empty`)
        : text;
    case 'double':
      return toDouble(rule, text, loss);
    case 'int64': {
      const value = INTEGER.test(text) ? Number(text) : Number.NaN;
      // Adding 0 turns −0 into 0, which an integer column cannot tell apart.
      return Number.isSafeInteger(value)
        ? bounded(rule, value + 0, text)
        : refusal(rule, `is ${quoted(text)}; expected an integer within ±2^53`);
    }
    case 'boolean':
      if (text === 'true' || text === 'false') return text === 'true';
      return refusal(rule, `is ${quoted(text)}; expected true or false`);
    case 'decimal':
      return toDecimal(rule, text, loss);
    default: {
      const micros = rule.conversion === 'iso8601' ? microsFromIso8601(text) : microsFromEpoch(text, rule.conversion);
      return typeof micros === 'number' ? micros : refusal(rule, `is ${quoted(text)}, which ${micros}`);
    }
  }
}

export function isCanonicalId(text: string): boolean {
  return CANONICAL_ID.test(text) && Number.isSafeInteger(Number(text));
}

function toDouble(rule: ColumnRule, text: string, loss: DigitLoss): CellValue | Refusal {
  if (!DECIMAL.test(text)) return refusal(rule, `is ${quoted(text)}; expected a decimal number`);
  const value = Number(text);
  if (!Number.isFinite(value)) return refusal(rule, `is ${quoted(text)}, beyond what a DOUBLE holds`);
  const result = bounded(rule, value, text);
  if (!isRefusal(result) && !doubleKeepsDecimal(text)) loss.inexactDecimals += 1;
  return result;
}

function toDecimal(rule: ColumnRule, text: string, loss: DigitLoss): CellValue | Refusal {
  if (!DECIMAL.test(text)) return refusal(rule, `is ${quoted(text)}; expected a decimal number`);
  const bytes = new Uint8Array(DECIMAL_BYTES);
  if (writeDecimal(text, bytes, 0) === 'exact') return bounded(rule, readDecimal(bytes, 0), text);
  if (rule.required) return refusal(rule, `is ${quoted(text)}, beyond what DECIMAL(38,18) holds`);
  loss.decimalOverflows += 1;
  return null;
}

function bounded(rule: ColumnRule, value: number | string, text: string): CellValue | Refusal {
  if (rule.minimum === null) return value;
  const number = Number(value);
  if (rule.exclusive ? number > rule.minimum : number >= rule.minimum) return value;
  return refusal(rule, `is ${quoted(text)}; expected ${rule.exclusive ? 'more than' : 'at least'} ${rule.minimum}`);
}

function refusal(rule: ColumnRule, problem: string): Refusal {
  const from = rule.field === null || rule.field === rule.column ? '' : ` (field ${rule.field})`;
  return { refused: `${rule.column}${from} ${problem}` };
}

/** Long values are cut: a reason is read by people, the record itself is kept beside it. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
