import { IcebergError } from '../errors.js';
import { type AvroRecord, type AvroSchema, type AvroValue, typeOf } from './schema.js';

const FIRST_BYTES = 4096;
const MIN_LONG = -(2n ** 63n);
const MAX_LONG = 2n ** 63n - 1n;

/** Bytes that grow. */
export class ByteSink {
  private bytes = new Uint8Array(FIRST_BYTES);
  private view = new DataView(this.bytes.buffer);
  length = 0;

  private reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + more));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  raw(values: Uint8Array): void {
    this.reserve(values.length);
    this.bytes.set(values, this.length);
    this.length += values.length;
  }

  float(value: number): void {
    this.reserve(4);
    this.view.setFloat32(this.length, value, true);
    this.length += 4;
  }

  double(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  /** Zigzag, then 7 bits a byte, least first. */
  long(value: number | bigint): void {
    if (typeof value === 'number' && Math.abs(value) <= 0x3fffffff) {
      let rest = value < 0 ? -value * 2 - 1 : value * 2;
      for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.byte((rest & 0x7f) | 0x80);
      this.byte(rest);
      return;
    }
    const wide = BigInt(value);
    let rest = BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n));
    for (; rest > 0x7fn; rest >>= 7n) this.byte(Number(rest & 0x7fn) | 0x80);
    this.byte(Number(rest));
  }

  /** A copy of what was written. */
  take(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }
}

export type AvroWriter = (sink: ByteSink, value: AvroValue | undefined) => void;

const encoder = new TextEncoder();

function refuse(path: string, expected: string, got: unknown): IcebergError {
  const shown = typeof got === 'object' && got !== null ? Object.prototype.toString.call(got) : String(got);
  return new IcebergError('invalid-option', `${path}: expected ${expected}, got ${shown.slice(0, 80)}.`);
}

function writeText(sink: ByteSink, bytes: Uint8Array): void {
  sink.long(bytes.length);
  sink.raw(bytes);
}

function integerWriter(path: string, least: bigint, most: bigint, name: string): AvroWriter {
  return (sink, value) => {
    const isWhole = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
    if (!isWhole || value < least || value > most) throw refuse(path, `a whole number of ${name}`, value);
    sink.long(value);
  };
}

function primitiveWriter(type: string, path: string): AvroWriter {
  switch (type) {
    case 'null':
      return () => undefined;
    case 'boolean':
      return (sink, value) => {
        if (typeof value !== 'boolean') throw refuse(path, 'true or false', value);
        sink.byte(value ? 1 : 0);
      };
    case 'int':
      return integerWriter(path, -(2n ** 31n), 2n ** 31n - 1n, '32 bits');
    case 'long':
      return integerWriter(path, MIN_LONG, MAX_LONG, '64 bits (bigint beyond 2^53)');
    case 'float':
    case 'double':
      return (sink, value) => {
        if (typeof value !== 'number') throw refuse(path, 'a number', value);
        if (type === 'float') sink.float(value);
        else sink.double(value);
      };
    case 'bytes':
      return (sink, value) => {
        if (!(value instanceof Uint8Array)) throw refuse(path, 'bytes', value);
        writeText(sink, value);
      };
    case 'string':
      return (sink, value) => {
        if (typeof value !== 'string') throw refuse(path, 'a text', value);
        writeText(sink, encoder.encode(value));
      };
    default:
      throw new IcebergError('unsupported', `${path}: there is no Avro type ${type}.`);
  }
}

function unionWriter(branches: readonly AvroSchema[], path: string): AvroWriter {
  const at = branches.indexOf('null');
  if (branches.length !== 2 || at < 0) {
    throw new IcebergError('unsupported', `${path}: a union other than of null and one type cannot be written.`);
  }
  const write = writerOf(branches[1 - at]!, path);
  return (sink, value) => {
    const isNull = value === null || value === undefined;
    sink.long(isNull ? at : 1 - at);
    if (!isNull) write(sink, value);
  };
}

/** Compiles a schema to a function that appends a value. Throws `IcebergError` `unsupported`, and when called `invalid-option`. */
export function writerOf(schema: AvroSchema, path = 'value'): AvroWriter {
  if (Array.isArray(schema)) return unionWriter(schema as readonly AvroSchema[], path);
  const type = typeOf(schema)!;
  switch (type.type) {
    case 'record': {
      const fields = type.fields.map(({ name, type: member }) => ({
        name,
        write: writerOf(member, `${path}.${name}`),
      }));
      return (sink, value) => {
        if (typeof value !== 'object' || value === null) throw refuse(path, `a record ${type.name}`, value);
        for (const { name, write } of fields) write(sink, (value as AvroRecord)[name]);
      };
    }
    case 'array': {
      const write = writerOf(type.items, `${path}[]`);
      return (sink, value) => {
        if (!Array.isArray(value)) throw refuse(path, 'an array', value);
        if (value.length > 0) sink.long(value.length);
        for (const item of value as readonly AvroValue[]) write(sink, item);
        sink.byte(0);
      };
    }
    case 'map': {
      const write = writerOf(type.values, `${path}{}`);
      return (sink, value) => {
        if (typeof value !== 'object' || value === null) throw refuse(path, 'a map', value);
        const entries = Object.entries(value as AvroRecord);
        if (entries.length > 0) sink.long(entries.length);
        for (const [key, item] of entries) {
          writeText(sink, encoder.encode(key));
          write(sink, item);
        }
        sink.byte(0);
      };
    }
    case 'fixed':
      return (sink, value) => {
        if (!(value instanceof Uint8Array) || value.length !== type.size)
          throw refuse(path, `${type.size} bytes`, value);
        sink.raw(value);
      };
    case 'enum':
      return (sink, value) => {
        const at = type.symbols.indexOf(value as string);
        if (at < 0) throw refuse(path, type.symbols.join(' or '), value);
        sink.long(at);
      };
    default:
      return primitiveWriter(type.type, path);
  }
}
