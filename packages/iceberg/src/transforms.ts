import { IcebergError } from './errors.js';
import { type PrimitiveType, parsePrimitive } from './types.js';
import { encodeValue, type IcebergValue, unscaledBytes } from './values.js';

/** https://iceberg.apache.org/spec/#partition-transforms */
export interface Transform {
  readonly resultType: PrimitiveType;
  /** Of a value that is not null; null stays null in every transform. */
  readonly apply: (value: IcebergValue) => IcebergValue | null;
}

const HOUR = 3_600_000_000n;
const DAY = 24n * HOUR;
const INT: PrimitiveType = { kind: 'int' };
const TIMES: readonly PrimitiveType['kind'][] = ['timestamp', 'timestamptz'];
const HASHED = 'int long decimal date time timestamp timestamptz string uuid fixed binary'.split(' ');
const TRUNCATED = 'int long decimal string binary'.split(' ');

function floorDivide(value: bigint, by: bigint): bigint {
  const rest = value % by;
  return (value - (rest < 0n ? rest + by : rest)) / by;
}

/** Days since 1970 of a date or timestamp. */
function daysOf(type: PrimitiveType, value: IcebergValue): number {
  return type.kind === 'date' ? Number(value) : Number(floorDivide(BigInt(value as bigint), DAY));
}

function calendarOf(type: PrimitiveType, value: IcebergValue): Date {
  return new Date(daysOf(type, value) * 86_400_000);
}

/** Murmur3, x86, 32 bits, seed 0: https://iceberg.apache.org/spec/#appendix-b-32-bit-hash-requirements */
export function murmur3(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const mix = (block: number): number => {
    const half = Math.imul(block, 0xcc9e2d51);
    return Math.imul((half << 15) | (half >>> 17), 0x1b873593);
  };
  let hash = 0;
  const whole = bytes.length & ~3;
  for (let at = 0; at < whole; at += 4) {
    hash ^= mix(view.getInt32(at, true));
    hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64;
  }
  let tail = 0;
  for (let at = bytes.length - 1; at >= whole; at -= 1) tail = (tail << 8) | bytes[at]!;
  if (bytes.length > whole) hash ^= mix(tail);
  hash ^= bytes.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) | 0;
}

/** The bytes that a bucket hashes: ints, dates and times as 64 bits, decimals unscaled, the rest as they are. */
function hashedBytes(type: PrimitiveType, value: IcebergValue): Uint8Array {
  if (type.kind === 'decimal') return unscaledBytes(value as bigint);
  if (type.kind === 'int' || type.kind === 'date') return encodeValue({ kind: 'long' }, BigInt(value as number));
  return encodeValue(type, value);
}

function truncate(type: PrimitiveType, width: number, value: IcebergValue): IcebergValue {
  if (typeof value === 'string') return [...value].slice(0, width).join('');
  if (value instanceof Uint8Array) return value.slice(0, width);
  const cut = floorDivide(BigInt(value as bigint), BigInt(width)) * BigInt(width);
  if (type.kind === 'decimal') return cut;
  // Below the least number it goes round, as in Iceberg's own arithmetic of 32 and 64 bits.
  return type.kind === 'int' ? Number(BigInt.asIntN(32, cut)) : BigInt.asIntN(64, cut);
}

/** The transform of that name on that type. Throws `IcebergError` `unsupported`. */
export function transformOf(name: string, source: PrimitiveType): Transform {
  const refuse = (): IcebergError =>
    new IcebergError('unsupported', `Partition transform ${name} on ${source.kind}: there is no such transform.`);
  const only = (kinds: readonly string[]): void => {
    if (!kinds.includes(source.kind)) throw refuse();
  };
  const [, kind, width] = /^(bucket|truncate)\[([1-9]\d{0,9})\]$/.exec(name) ?? [];
  if (kind === 'bucket') {
    only(HASHED);
    const buckets = Number(width);
    return { resultType: INT, apply: (value) => (murmur3(hashedBytes(source, value)) & 0x7fffffff) % buckets };
  }
  if (kind === 'truncate') {
    only(TRUNCATED);
    return { resultType: source, apply: (value) => truncate(source, Number(width), value) };
  }
  switch (name) {
    case 'identity':
      return { resultType: source, apply: (value) => value };
    case 'void':
      return { resultType: source, apply: () => null };
    case 'year':
      only(['date', ...TIMES]);
      return { resultType: INT, apply: (value) => calendarOf(source, value).getUTCFullYear() - 1970 };
    case 'month':
      only(['date', ...TIMES]);
      return {
        resultType: INT,
        apply: (value) => {
          const date = calendarOf(source, value);
          return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth();
        },
      };
    case 'day':
      only(['date', ...TIMES]);
      // The specification says int; its Avro and its writers say date, which is the same number.
      return { resultType: parsePrimitive('date'), apply: (value) => daysOf(source, value) };
    case 'hour':
      only(TIMES);
      return { resultType: INT, apply: (value) => Number(floorDivide(BigInt(value as bigint), HOUR)) };
    default:
      throw refuse();
  }
}
