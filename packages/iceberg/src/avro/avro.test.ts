import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IcebergError } from '../errors.js';
import { readAvro, writeAvro } from './container.js';
import { ByteSource, readerOf } from './read.js';
import { type AvroSchema, type AvroValue, optional, withNamesOf } from './schema.js';
import { ByteSink, writerOf } from './write.js';

function encode(schema: AvroSchema, value: AvroValue): Uint8Array {
  const sink = new ByteSink();
  writerOf(schema)(sink, value);
  return sink.take();
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('golden bytes', () => {
  // By hand from https://avro.apache.org/docs/1.12.0/specification/#binary-encoding
  it.each<[string, AvroSchema, AvroValue, string]>([
    ['null', 'null', null, ''],
    ['true', 'boolean', true, '01'],
    ['0', 'long', 0n, '00'],
    ['-1', 'long', -1n, '01'],
    ['1', 'long', 1, '02'],
    ['-64', 'long', -64, '7f'],
    ['64', 'long', 64, '8001'],
    ['2^31-1', 'int', 2147483647, 'feffffff0f'],
    ['-2^31', 'int', -2147483648, 'ffffffff0f'],
    ['2^53', 'long', 2n ** 53n, '8080808080808020'],
    ['2^63-1', 'long', 2n ** 63n - 1n, 'feffffffffffffffff01'],
    ['-2^63', 'long', -(2n ** 63n), 'ffffffffffffffffff01'],
    ['float', 'float', 1.5, '0000c03f'],
    ['double', 'double', -2.25, '00000000000002c0'],
    ['text', 'string', 'foo', '06666f6f'],
    ['text beyond ASCII', 'string', '€𝄞', '0ee282acf09d849e'],
    ['bytes', 'bytes', Uint8Array.of(0, 255), '0400ff'],
    ['fixed', { type: 'fixed', name: 'f', size: 3 }, Uint8Array.of(1, 2, 3), '010203'],
    ['array', { type: 'array', items: 'long' }, [3, 27], '04063600'],
    ['empty array', { type: 'array', items: 'long' }, [], '00'],
    ['map', { type: 'map', values: 'int' }, { a: 1 }, '0202610200'],
    ['enum', { type: 'enum', name: 'e', symbols: ['A', 'B'] }, 'B', '02'],
    ['union, null', optional('string'), null, '00'],
    ['union, value', optional('string'), 'a', '020261'],
    [
      'record',
      {
        type: 'record',
        name: 'test',
        fields: [
          { name: 'a', type: 'long' },
          { name: 'b', type: 'string' },
        ],
      },
      { a: 27, b: 'foo' },
      '3606666f6f',
    ],
  ])('%s', (_name, schema, value, bytes) => {
    expect(hex(encode(schema, value))).toBe(bytes);
    const read = readerOf(schema)(new ByteSource(Buffer.from(bytes, 'hex')));
    expect(read).toEqual(
      schema === 'long'
        ? BigInt(value as bigint)
        : Array.isArray(value)
          ? value.map((one) => BigInt(one as number))
          : schemaRecord(value),
    );
  });

  function schemaRecord(value: AvroValue): unknown {
    return typeof value === 'object' && value !== null && 'b' in value ? { ...value, a: 27n } : value;
  }

  it('a whole file, without compression', () => {
    const file = writeAvro({
      schema: { type: 'record', name: 'r', fields: [{ name: 'n', type: 'long' }] },
      records: [{ n: 1 }, { n: 2n ** 62n }],
      metadata: { k: 'v' },
      codec: 'null',
    });
    const sync = hex(file.subarray(-16));
    const schema = '{"type":"record","name":"r","fields":[{"name":"n","type":"long"}]}';
    const header = [
      '4f626a01', // Obj 1
      '06', // three entries
      `16${hex(Buffer.from('avro.schema'))}8401${hex(Buffer.from(schema))}`,
      `14${hex(Buffer.from('avro.codec'))}08${hex(Buffer.from('null'))}`,
      '026b0276', // k = v
      '00',
    ].join('');
    expect(hex(file)).toBe(`${header}${sync}04${'16'}02${'80808080808080808001'}${sync}`);
    expect(sync).toBe('280c1ff97d6d9d72e72c1003a9ec0e8d');
  });

  it('the same records give the same bytes, others give other markers', () => {
    const schema: AvroSchema = { type: 'record', name: 'r', fields: [{ name: 'n', type: 'long' }] };
    const write = (n: number): string => hex(writeAvro({ schema, records: [{ n }] }));
    expect(write(1)).toBe(write(1));
    expect(write(1).slice(-32)).not.toBe(write(2).slice(-32));
  });
});

/** A random schema together with an arbitrary of its values, deep ones too. */
const schemaAndValue = fc.letrec<{
  any: [AvroSchema, fc.Arbitrary<AvroValue>];
  leaf: [AvroSchema, fc.Arbitrary<AvroValue>];
}>((tie) => ({
  leaf: fc.constantFrom<[AvroSchema, fc.Arbitrary<AvroValue>][]>(
    ['boolean', fc.boolean()],
    ['int', fc.integer()],
    ['long', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
    ['float', fc.float()],
    ['double', fc.double()],
    ['string', fc.string({ unit: 'grapheme' })],
    ['bytes', fc.uint8Array()],
    [{ type: 'fixed', name: 'f', size: 4 }, fc.uint8Array({ minLength: 4, maxLength: 4 })],
    [{ type: 'enum', name: 'e', symbols: ['A', 'B', 'C'] }, fc.constantFrom('A', 'B', 'C')],
  ),
  any: fc.oneof(
    { depthSize: 'small' },
    tie('leaf'),
    tie('any')
      .filter(([type]) => !Array.isArray(type))
      .map(([type, value]): [AvroSchema, fc.Arbitrary<AvroValue>] => [optional(type), fc.option(value)]),
    tie('any').map(([items, value]): [AvroSchema, fc.Arbitrary<AvroValue>] => [
      { type: 'array', items },
      fc.array(value, { maxLength: 5 }),
    ]),
    tie('any').map(([values, value]): [AvroSchema, fc.Arbitrary<AvroValue>] => [
      { type: 'map', values },
      fc.dictionary(fc.string(), value, { maxKeys: 4, noNullPrototype: false }),
    ]),
    fc
      .array(tie('any'), { maxLength: 4 })
      .map((members): [AvroSchema, fc.Arbitrary<AvroValue>] => [
        { type: 'record', name: 'r', fields: members.map(([type], at) => ({ name: `f${at}`, type })) },
        fc.record(Object.fromEntries(members.map(([, value], at) => [`f${at}`, value]))) as fc.Arbitrary<AvroValue>,
      ]),
  ),
}));

const record = fc.array(schemaAndValue.any, { minLength: 1, maxLength: 5 }).chain((members) => {
  const schema: AvroSchema = {
    type: 'record',
    name: 'top',
    fields: members.map(([type], at) => ({ name: `m${at}`, type })),
  };
  const value = fc.record(Object.fromEntries(members.map(([, one], at) => [`m${at}`, one])));
  return fc.tuple(fc.constant(schema), fc.array(value as fc.Arbitrary<Record<string, AvroValue>>, { maxLength: 30 }));
});

/** Maps are read without a prototype. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return { bytes: hex(value) };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]));
  return typeof value === 'number' ? [Object.is(value, -0) ? '-0' : String(value)] : value;
}

describe('properties', () => {
  it('reads what it writes, for any schema and values', () => {
    fc.assert(
      fc.property(record, fc.constantFrom('null' as const, 'deflate' as const), ([schema, records], codec) => {
        const file = readAvro(writeAvro({ schema, records, codec }));
        expect(file.schema).toEqual(schema);
        expect(file.records.map(plain)).toEqual(records.map(plain));
      }),
      { numRuns: 200 },
    );
  });

  it('damaged bytes are told, never read as something else and never a crash', () => {
    fc.assert(
      fc.property(record, fc.nat(), fc.integer({ min: 1, max: 255 }), ([schema, records], place, flip) => {
        const whole = writeAvro({ schema, records, codec: 'null' });
        const cut = whole.slice(0, place % whole.length);
        expect(() => readAvro(cut)).toSatisfy(() => true);
        for (const bytes of [cut, whole.slice()]) {
          if (bytes.length === whole.length) bytes[place % bytes.length]! ^= flip;
          try {
            readAvro(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(IcebergError);
          }
        }
        // Without its last byte no file with records is whole.
        if (records.length > 0) expect(() => readAvro(whole.slice(0, -1))).toThrow(IcebergError);
      }),
      { numRuns: 200 },
    );
  });
});

describe('what is refused', () => {
  it.each<[AvroSchema, AvroValue, RegExp]>([
    ['int', 2 ** 31, /expected a whole number of 32 bits, got 2147483648/],
    ['long', 2 ** 53, /64 bits/],
    ['long', 2n ** 63n, /64 bits/],
    ['long', 1.5, /64 bits/],
    ['string', 1, /expected a text/],
    ['bytes', 'a', /expected bytes/],
    ['boolean', 0, /true or false/],
    [{ type: 'fixed', name: 'f', size: 2 }, Uint8Array.of(1), /2 bytes/],
    [{ type: 'record', name: 'r', fields: [{ name: 'a', type: 'int' }] }, { a: 'x' }, /value\.a: expected/],
  ])('%j cannot hold %s', (schema, value, sentence) => {
    expect(() => encode(schema, value)).toThrow(sentence);
  });

  it.each<[AvroSchema, RegExp]>([
    [{ type: 'enum', name: 'e' } as unknown as AvroSchema, /enum without symbols/],
    [{ type: 'fixed', name: 'f' } as unknown as AvroSchema, /fixed type without a size/],
    ['decimal' as AvroSchema, /type decimal/],
  ])('a schema that says too little: %j', (schema, sentence) => {
    expect(() => readerOf(schema)).toThrow(sentence);
  });

  it('more items than there are bytes: a few bytes would be a loop without end', () => {
    const long = Uint8Array.of(0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f); // 2^52 - 1
    const nothing: AvroSchema = { type: 'record', name: 'r', fields: [] };
    const file = writeAvro({ schema: nothing, records: [], codec: 'null' });
    const claim = Buffer.concat([file, long, Uint8Array.of(0), file.subarray(-16)]);
    expect(() => readAvro(claim)).toThrow(/holds 4503599627370495 items in 0 bytes/);
    const nulls = readerOf({ type: 'array', items: 'null' });
    expect(() => nulls(new ByteSource(Buffer.concat([long, Uint8Array.of(0, 0)])))).toThrow(/items in 2 bytes/);
    // Many small claims are one large one.
    const many = readerOf({ type: 'array', items: { type: 'array', items: 'null' } });
    const one = Uint8Array.of(0xa0, 0x1f, 0); // 2,000 items and the end of them
    const bytes = Buffer.concat([Uint8Array.of(0x14), ...Array.from({ length: 10 }, () => one), Uint8Array.of(0)]);
    expect(() => many(new ByteSource(bytes))).toThrow(/says that it holds 2000 items/);
  });

  it('a codec and a union that are not ours', () => {
    expect(() => encode(['string', 'long'], 'a')).toThrow(/union/);
    const file = writeAvro({ schema: 'string' as AvroSchema, records: [], metadata: { 'avro.codec': 'snappy' } });
    const more = Buffer.concat([file, Uint8Array.of(2, 0), file.subarray(-16)]);
    expect(() => readAvro(more)).toThrow(/codec snappy/);
  });
});

it('names are matched by field id, as writers of other versions spell them otherwise', () => {
  const field = (name: string, id: number | undefined) => ({
    name,
    type: 'int' as const,
    ...(id === undefined ? {} : { 'field-id': id }),
  });
  const writer: AvroSchema = {
    type: 'record',
    name: 'r',
    fields: [field('added_data_files_count', 504), field('x', undefined), field('y', 9)],
  };
  const reader: AvroSchema = { type: 'record', name: 'r', fields: [field('added_files_count', 504), field('x', 7)] };
  expect(withNamesOf(writer, reader)).toMatchObject({
    fields: [{ name: 'added_files_count' }, { name: 'x' }, { name: 'y' }],
  });
  const nested = (inner: AvroSchema): AvroSchema => optional({ type: 'array', items: inner });
  expect(withNamesOf(nested(writer), nested(reader))).toMatchObject([
    'null',
    { items: { fields: [{ name: 'added_files_count' }, {}, {}] } },
  ]);
});
