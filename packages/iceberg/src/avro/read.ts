import { damaged, IcebergError } from '../errors.js';
import { type AvroSchema, type AvroValue, typeOf } from './schema.js';

/** Nulls and records without fields take no byte, and a few bytes could claim 2^53 of them: nobody stores so many. */
const MAX_EMPTY = 10_000;

/** Bytes read one after the other; no read passes the end. */
export class ByteSource {
  readonly bytes: Uint8Array;
  private readonly view: DataView;
  at = 0;
  private empty = 0;

  constructor(bytes: Uint8Array) {
    // A Buffer's slice would be a view of bytes that are not ours.
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get rest(): number {
    return this.bytes.length - this.at;
  }

  /** Moves on and gives the place before. */
  private take(count: number): number {
    if (count > this.rest) throw damaged('an Avro value ends beyond its block');
    const { at } = this;
    this.at += count;
    return at;
  }

  byte(): number {
    return this.bytes[this.take(1)]!;
  }

  raw(count: number): Uint8Array {
    const at = this.take(count);
    return this.bytes.slice(at, at + count);
  }

  float(): number {
    return this.view.getFloat32(this.take(4), true);
  }

  double(): number {
    return this.view.getFloat64(this.take(8), true);
  }

  long(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (value >> 64n !== 0n) break;
        return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
      }
    }
    throw damaged('an Avro integer has more than 64 bits');
  }

  /** A long that counts or measures something. */
  count(): number {
    const value = Number(this.long());
    if (!Number.isSafeInteger(value)) throw damaged(`an Avro count is ${value}`);
    return value;
  }

  /** Refuses items that cannot be there. */
  expect(items: number): void {
    if (items <= this.rest) return;
    this.empty += items - this.rest;
    if (this.empty > MAX_EMPTY) throw damaged(`an Avro block says that it holds ${items} items in ${this.rest} bytes`);
  }

  /** Length of bytes to come. */
  length(): number {
    const value = this.count();
    if (value < 0 || value > this.rest) throw damaged(`an Avro length is ${value}, but ${this.rest} bytes are left`);
    return value;
  }
}

export type AvroReader = (source: ByteSource) => AvroValue;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function readText(source: ByteSource): string {
  try {
    return decoder.decode(source.raw(source.length()));
  } catch (error) {
    if (error instanceof IcebergError) throw error;
    throw damaged('an Avro text is not UTF-8', error);
  }
}

/** Calls `each` once an item; blocks with a negative count carry their size in bytes. */
function readBlocks(source: ByteSource, each: () => void): void {
  for (;;) {
    let count = source.count();
    if (count === 0) return;
    if (count < 0) {
      count = -count;
      source.length();
    }
    source.expect(count);
    for (; count > 0; count -= 1) each();
  }
}

function primitiveReader(type: string): AvroReader {
  switch (type) {
    case 'null':
      return () => null;
    case 'boolean':
      return (source) => source.byte() !== 0;
    case 'int':
      return (source) => {
        const value = Number(source.long());
        if (value < -(2 ** 31) || value >= 2 ** 31) throw damaged('an Avro int has more than 32 bits');
        return value;
      };
    case 'long':
      return (source) => source.long();
    case 'float':
      return (source) => source.float();
    case 'double':
      return (source) => source.double();
    case 'bytes':
      return (source) => source.raw(source.length());
    case 'string':
      return readText;
    default:
      throw new IcebergError('unsupported', `An Avro schema names the type ${type}, which is not read.`);
  }
}

/** Compiles a schema to a function that reads a value. Throws `IcebergError` `unsupported`, and when called `damaged-file`. */
export function readerOf(schema: AvroSchema): AvroReader {
  if (Array.isArray(schema)) {
    const branches = (schema as readonly AvroSchema[]).map(readerOf);
    return (source) => {
      const branch = branches[source.count()];
      if (branch === undefined) throw damaged('an Avro union names a branch that it lacks');
      return branch(source);
    };
  }
  const type = typeOf(schema)!;
  switch (type.type) {
    case 'record': {
      const fields = type.fields.map(({ name, type: member }) => ({ name, read: readerOf(member) }));
      return (source) => {
        const record: Record<string, AvroValue> = {};
        for (const { name, read } of fields) record[name] = read(source);
        return record;
      };
    }
    case 'array': {
      const read = readerOf(type.items);
      return (source) => {
        const items: AvroValue[] = [];
        readBlocks(source, () => items.push(read(source)));
        return items;
      };
    }
    case 'map': {
      const read = readerOf(type.values);
      return (source) => {
        const map: Record<string, AvroValue> = Object.create(null) as Record<string, AvroValue>;
        readBlocks(source, () => {
          const key = readText(source);
          map[key] = read(source);
        });
        return map;
      };
    }
    case 'fixed':
      if (!Number.isSafeInteger(type.size) || type.size < 0)
        throw damaged('an Avro schema has a fixed type without a size');
      return (source) => source.raw(type.size);
    case 'enum':
      if (!Array.isArray(type.symbols)) throw damaged('an Avro schema has an enum without symbols');
      return (source) => {
        const symbol = type.symbols[source.count()];
        if (symbol === undefined) throw damaged('an Avro enum names a symbol that it lacks');
        return symbol;
      };
    default:
      return primitiveReader(type.type);
  }
}
