import type { QueryValue } from '../engine.js';

const wholeNumber = /^(tinyint|smallint|integer|int)$/;
const floatingPoint = /^(double|float|real)$/;
const dateTime = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)( UTC)?$/;

/**
 * A value as every engine gives it (`QueryValue`), from the text that Athena prints. Decimals, dates, arrays, maps and rows
 * stay text; a time in another zone than UTC stays as it was printed.
 */
export function athenaValue(text: string | null, type: string): QueryValue {
  if (text === null) return null;
  const name = type.toLowerCase();
  if (name === 'boolean') return text === 'true';
  if (name === 'bigint') return /^-?\d+$/.test(text) ? BigInt(text) : text;
  if (wholeNumber.test(name) || floatingPoint.test(name)) return Number(text);
  if (name.startsWith('timestamp')) {
    const parts = dateTime.exec(text);
    return parts === null ? text : `${parts[1]}T${parts[2]}${parts[3] === undefined ? '' : 'Z'}`;
  }
  if (name === 'varbinary')
    return Uint8Array.from(text.match(/[0-9a-f]{2}/gi) ?? [], (pair) => Number.parseInt(pair, 16));
  return text;
}

/** `name`, or `name:1`, `name:2` where it was there before. */
export function uniqueNames(names: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return names.map((name) => {
    const count = seen.get(name) ?? 0;
    seen.set(name, count + 1);
    return count === 0 ? name : `${name}:${count}`;
  });
}
