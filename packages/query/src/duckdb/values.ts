import type { DuckDBType, DuckDBValue } from '@duckdb/node-api';
import type { QueryValue } from '../engine.js';

const microsPerSecond = 1_000_000n;
/** Date holds ±8.64e15 ms; DuckDB's infinities lie beyond. */
const maxDateMicros = 8_640_000_000_000_000_000n;

/** `2025-12-01T00:00:00.123456` for µs since 1970; undefined beyond what a calendar date can say. */
function isoMicros(micros: bigint): string | undefined {
  if (micros > maxDateMicros || micros < -maxDateMicros) return undefined;
  const fraction = ((micros % microsPerSecond) + microsPerSecond) % microsPerSecond;
  const seconds = (micros - fraction) / microsPerSecond;
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, -5);
  return `${whole}.${String(fraction).padStart(6, '0')}`;
}

/** The double whose shortest text is the shortest text of a 4-byte float: 0.1, not 0.10000000149011612. */
function shortestFloat(value: number): number {
  if (!Number.isFinite(value)) return value;
  for (let digits = 6; digits <= 9; digits += 1) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === value) return candidate;
  }
  return value;
}

function isMember<Name extends string>(value: object, name: Name): value is Record<Name, unknown> {
  return name in value;
}

function nested(value: object): QueryValue | undefined {
  if (isMember(value, 'items') && Array.isArray(value.items))
    return value.items.map((item) => plain(item as DuckDBValue));
  if (!isMember(value, 'entries')) return undefined;
  const { entries } = value;
  if (Array.isArray(entries)) {
    const pairs = entries as readonly { readonly key: DuckDBValue; readonly value: DuckDBValue }[];
    return pairs.map((pair) => ({ key: plain(pair.key), value: plain(pair.value) }));
  }
  const fields = Object.entries(entries as Record<string, DuckDBValue>);
  return Object.fromEntries(fields.map(([name, field]) => [name, plain(field)]));
}

/** A value whose type is seen from itself: DuckDB's value classes are told apart by their members. */
function plain(value: DuckDBValue | undefined): QueryValue {
  if (value === null || value === undefined) return null;
  if (typeof value !== 'object') return value;
  if (isMember(value, 'bytes') && value.bytes instanceof Uint8Array) return Uint8Array.from(value.bytes);
  const text = String(value);
  // DuckDBTimestampValue and …TZValue hold µs, as DuckDBTimeValue does; only a timestamp's text starts with a date.
  if (isMember(value, 'micros') && typeof value.micros === 'bigint' && /^-?\d{4,}-\d\d-\d\d /.test(text)) {
    const iso = isoMicros(value.micros);
    if (iso !== undefined) return /[+-]\d\d(:\d\d)*$/.test(text.slice(11)) ? `${iso}Z` : iso;
  }
  return nested(value) ?? (/^\d{4,}-\d\d-\d\d \d\d:/.test(text) ? text.replace(' ', 'T') : text);
}

/** Turns the values of one column into plain ones. `floatTypeId` is DuckDB's id of 4-byte floats. */
export function plainColumn(values: readonly DuckDBValue[], type: DuckDBType, floatTypeId: number): QueryValue[] {
  if (type.typeId === floatTypeId) {
    return values.map((value) => (typeof value === 'number' ? shortestFloat(value) : plain(value)));
  }
  return values.map(plain);
}
