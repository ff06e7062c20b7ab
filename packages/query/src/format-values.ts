import type { QueryRow, QueryValue } from './engine.js';

/** JSON of a value: bigint as its digits, bytes as hex, and what JSON has no number for (NaN, Infinity) as text. */
function jsonText(value: QueryValue): string {
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? numberText(value) : JSON.stringify(String(value));
  if (value instanceof Uint8Array) return JSON.stringify(hex(value));
  if (Array.isArray(value)) return `[${(value as readonly QueryValue[]).map(jsonText).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value as { readonly [name: string]: QueryValue });
    return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${jsonText(field)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

/** Shortest text that gives the double back; -0 keeps its sign. */
function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function hex(bytes: Uint8Array): string {
  return `\\x${Buffer.from(bytes).toString('hex')}`;
}

/** A value as one cell of text, '' for null. Lists and structs as JSON. */
export function cellText(value: QueryValue): string {
  if (value === null) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return numberText(value);
  if (value instanceof Uint8Array) return hex(value);
  return typeof value === 'object' ? jsonText(value) : String(value);
}

/** A row as a JSON object; `names` are JSON texts. */
export function jsonObject(names: readonly string[], row: QueryRow): string {
  return `{${names.map((name, index) => `${name}:${jsonText(row[index] ?? null)}`).join(',')}}`;
}

/** RFC 4180: quoted where it must be. Null is an empty field, an empty text is `""`. */
export function csvField(value: QueryValue): string {
  if (value === null) return '';
  const text = cellText(value);
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
