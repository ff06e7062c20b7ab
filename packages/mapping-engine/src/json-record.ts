import { NESTED, type RawValue } from './rule.js';

/** The top-level fields of a JSON object; of equal keys the last counts, as with JSON.parse. */
export type RawFields = ReadonlyMap<string, RawValue>;

// A BOM within a file is no white space of JSON; fatal, because bytes that are no UTF-8 are no JSON (RFC 8259 §8.1).
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads a line, or says why it is no JSON object. JSON.parse judges; the walk only finds each number's own digits. */
export function parseJsonRecord(line: Uint8Array): RawFields | string {
  let text: string;
  let value: unknown;
  try {
    text = decoder.decode(line);
  } catch {
    return 'is not UTF-8';
  }
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `is not JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is JSON but not an object';
  return topLevelFields(text);
}

/** Walks a text that JSON.parse accepted as an object, so that only its structure has to be followed. */
function topLevelFields(text: string): RawFields {
  const fields = new Map<string, RawValue>();
  let at = skipSpace(text, text.indexOf('{') + 1);
  while (text[at] !== '}') {
    const keyEnd = stringEnd(text, at);
    const key = JSON.parse(text.slice(at, keyEnd)) as string;
    // Past the colon.
    at = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const end = valueEnd(text, at);
    fields.set(key, rawValue(text.slice(at, end)));
    at = skipSpace(text, end);
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  return fields;
}

function rawValue(text: string): RawValue {
  const first = text[0];
  if (first === '"') return JSON.parse(text) as string;
  if (first === '{' || first === '[') return NESTED;
  return text === 'null' ? null : text;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ' || text[at] === '\t' || text[at] === '\r' || text[at] === '\n') at += 1;
  return at;
}

/** The position behind the closing quote of the string that opens at `from`. */
function stringEnd(text: string, from: number): number {
  let at = from + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function valueEnd(text: string, from: number): number {
  const first = text[from];
  if (first === '"') return stringEnd(text, from);
  if (first === '{' || first === '[') return nestedEnd(text, from);
  let at = from;
  while (!',} \t\r\n'.includes(text[at]!)) at += 1;
  return at;
}

function nestedEnd(text: string, from: number): number {
  let depth = 0;
  let at = from;
  do {
    const character = text[at];
    if (character === '"') {
      at = stringEnd(text, at);
      continue;
    }
    if (character === '{' || character === '[') depth += 1;
    if (character === '}' || character === ']') depth -= 1;
    at += 1;
  } while (depth > 0);
  return at;
}
