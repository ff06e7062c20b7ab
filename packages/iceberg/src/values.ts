import { IcebergError } from './errors.js';
import type { PrimitiveType } from './types.js';

/**
 * A value of a primitive type. `long`, `time` (µs), `timestamp` and `timestamptz` (µs since 1970) are bigint, or safe
 * integers on the way in; `decimal` is its unscaled bigint; `int` and `date` (days since 1970) are numbers; `fixed` and
 * `binary` are bytes; `uuid` is text.
 */
export type IcebergValue = boolean | number | bigint | string | Uint8Array;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function refuse(type: PrimitiveType, value: unknown): IcebergError {
  const shown = value instanceof Uint8Array ? `${value.length} bytes` : String(value);
  return new IcebergError('invalid-option', `A value of type ${type.kind} was expected, got ${shown.slice(0, 80)}.`);
}

function wholeNumber(type: PrimitiveType, value: IcebergValue, bits: number): bigint {
  const isWhole = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
  if (!isWhole) throw refuse(type, value);
  const wide = BigInt(value);
  if (BigInt.asIntN(bits, wide) !== wide) throw refuse(type, value);
  return wide;
}

function number(type: PrimitiveType, value: IcebergValue): number {
  if (typeof value !== 'number') throw refuse(type, value);
  return value;
}

/** The fewest bytes of a two's complement integer, greatest first. */
export function unscaledBytes(value: bigint): Uint8Array {
  let length = 1;
  while (BigInt.asIntN(length * 8, value) !== value) length += 1;
  const bytes = new Uint8Array(length);
  let rest = value;
  for (let at = length - 1; at >= 0; at -= 1) {
    bytes[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

export function bigintOfBytes(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(bytes.length * 8, value);
}

/** A value as a bound of a manifest: https://iceberg.apache.org/spec/#binary-single-value-serialization */
export function encodeValue(type: PrimitiveType, value: IcebergValue): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  switch (type.kind) {
    case 'boolean':
      if (typeof value !== 'boolean') throw refuse(type, value);
      return Uint8Array.of(value ? 1 : 0);
    case 'int':
    case 'date':
      view.setInt32(0, Number(wholeNumber(type, value, 32)), true);
      return bytes.slice(0, 4);
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      view.setBigInt64(0, wholeNumber(type, value, 64), true);
      return bytes;
    case 'float':
      view.setFloat32(0, number(type, value), true);
      return bytes.slice(0, 4);
    case 'double':
      view.setFloat64(0, number(type, value), true);
      return bytes;
    case 'string':
      if (typeof value !== 'string') throw refuse(type, value);
      return encoder.encode(value);
    case 'uuid':
      if (typeof value !== 'string' || !UUID.test(value)) throw refuse(type, value);
      return Uint8Array.from(Buffer.from(value.replaceAll('-', ''), 'hex'));
    case 'decimal':
      if (typeof value !== 'bigint') throw refuse(type, value);
      return unscaledBytes(value);
    case 'fixed':
      if (!(value instanceof Uint8Array) || value.length !== type.length) throw refuse(type, value);
      return value;
    default:
      if (!(value instanceof Uint8Array)) throw refuse(type, value);
      return value;
  }
}

const WIDTHS: Partial<Readonly<Record<PrimitiveType['kind'], number>>> = {
  boolean: 1,
  int: 4,
  date: 4,
  float: 4,
  long: 8,
  time: 8,
  timestamp: 8,
  timestamptz: 8,
  double: 8,
  uuid: 16,
};

/** The value of a bound. Throws `IcebergError` `damaged-file`. */
export function decodeValue(type: PrimitiveType, bytes: Uint8Array): IcebergValue {
  const width = type.kind === 'fixed' ? type.length : WIDTHS[type.kind];
  const isPromoted = (type.kind === 'long' || type.kind === 'double') && bytes.length === 4;
  if (width !== undefined && bytes.length !== width && !isPromoted)
    throw new IcebergError('damaged-file', `A bound of type ${type.kind} has ${bytes.length} bytes, not ${width}.`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (type.kind) {
    case 'boolean':
      return bytes[0] !== 0;
    case 'int':
    case 'date':
      return view.getInt32(0, true);
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      // A column that was int when the file was written.
      return isPromoted ? BigInt(view.getInt32(0, true)) : view.getBigInt64(0, true);
    case 'float':
      return view.getFloat32(0, true);
    case 'double':
      return isPromoted ? view.getFloat32(0, true) : view.getFloat64(0, true);
    case 'string':
      return decoder.decode(bytes);
    case 'uuid':
      return Buffer.from(bytes)
        .toString('hex')
        .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    case 'decimal':
      return bigintOfBytes(bytes);
    default:
      return bytes.slice();
  }
}

/** Characters (code points) or bytes of a bound: what Iceberg's own writers keep by default, `truncate(16)`. */
const BOUND_LENGTH = 16;
const LAST_CODE_POINT = 0x10ffff;

/** A lower bound for a text or bytes, not longer than 16 code points or bytes. Other values stay as they are. */
export function truncateLower(value: IcebergValue, length: number = BOUND_LENGTH): IcebergValue {
  if (typeof value === 'string') return [...value].slice(0, length).join('');
  return value instanceof Uint8Array ? value.slice(0, length) : value;
}

/** An upper bound, cut and then raised in its last place that can be; undefined when there is none that short. */
export function truncateUpper(value: IcebergValue, length: number = BOUND_LENGTH): IcebergValue | undefined {
  if (typeof value === 'string') {
    const points = [...value];
    if (points.length <= length) return value;
    for (let end = length; end > 0; end -= 1) {
      let next = points[end - 1]!.codePointAt(0)! + 1;
      if (next >= 0xd800 && next <= 0xdfff) next = 0xe000; // surrogates are no characters
      if (next <= LAST_CODE_POINT) return points.slice(0, end - 1).join('') + String.fromCodePoint(next);
    }
    return undefined;
  }
  if (!(value instanceof Uint8Array) || value.length <= length) return value;
  for (let end = length; end > 0; end -= 1) {
    if (value[end - 1]! < 0xff) {
      const cut = value.slice(0, end);
      cut[end - 1] = cut[end - 1]! + 1;
      return cut;
    }
  }
  return undefined;
}

/**
 * Order of two values of one type as Iceberg compares them: text by its UTF-8 bytes, bytes unsigned, −0 before 0.
 * Negative, 0 or positive.
 */
export function compareValues(left: IcebergValue, right: IcebergValue): number {
  if (left instanceof Uint8Array && right instanceof Uint8Array) return Buffer.compare(left, right);
  if (typeof left === 'string' && typeof right === 'string')
    return Buffer.compare(encoder.encode(left), encoder.encode(right));
  if (left === 0 && right === 0) return (Object.is(right, -0) ? 1 : 0) - (Object.is(left, -0) ? 1 : 0);
  return left < right ? -1 : left > right ? 1 : 0;
}
