import { createMemoryStore } from '@schemahub/object-store';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { NewDataFile } from './manifest.js';
import { type PartitionSpec, partitionOf } from './partition.js';
import { openIcebergTable } from './table.js';
import { committed, T0 } from './test-support.js';
import { transformOf } from './transforms.js';
import { type IcebergField, type IcebergSchema, type IcebergType, lastFieldId, parsePrimitive } from './types.js';
import { compareValues, type IcebergValue, truncateLower, truncateUpper } from './values.js';

const MAX_LONG = 2n ** 63n - 1n;
const edges = (...values: IcebergValue[]): fc.Arbitrary<IcebergValue> => fc.constantFrom(...values);
const long = fc.oneof(edges(-MAX_LONG - 1n, -1n, 0n, MAX_LONG), fc.bigInt({ min: -MAX_LONG - 1n, max: MAX_LONG }));
/** A day from the year 1 to 9999: what calendar transforms are defined on. */
const day = fc.oneof(edges(-719_162, -1, 0, 2_932_896), fc.integer({ min: -719_162, max: 2_932_896 }));
const instant = day.map((days) => BigInt(days as number) * 86_400_000_000n - 1n);
const unscaled = 10n ** 9n - 1n;

/** A type, values at its bounds, and the transforms that it takes: https://iceberg.apache.org/spec/#partition-transforms */
const PRIMITIVES: readonly (readonly [string, fc.Arbitrary<IcebergValue>, readonly string[]])[] = [
  ['boolean', fc.boolean(), []],
  ['int', fc.oneof(edges(-(2 ** 31), -1, 0, 2 ** 31 - 1), fc.integer()), ['bucket[16]', 'truncate[10]']],
  ['long', long, ['bucket[7]', 'truncate[3]']],
  ['float', edges(-0, 0, 1.5, -3.4028234663852886e38, Number.NEGATIVE_INFINITY), []],
  ['double', fc.oneof(edges(-0, 0, Number.MAX_VALUE, Number.MIN_VALUE), fc.double({ noNaN: true })), []],
  [
    'decimal(9, 2)',
    fc.oneof(edges(-unscaled, 0n, unscaled), fc.bigInt({ min: -unscaled, max: unscaled })),
    ['bucket[4]'],
  ],
  ['date', day, ['year', 'month', 'day', 'bucket[5]']],
  ['time', edges(0n, 1n, 86_399_999_999n), ['bucket[5]']],
  ['timestamp', instant, ['year', 'month', 'day', 'hour', 'bucket[5]']],
  ['timestamptz', instant, ['year', 'month', 'day', 'hour']],
  ['string', fc.string({ unit: 'grapheme', maxLength: 40 }), ['bucket[16]', 'truncate[2]']],
  ['uuid', fc.uuid(), ['bucket[16]']],
  ['fixed[20]', fc.uint8Array({ minLength: 20, maxLength: 20 }), ['bucket[16]']],
  ['binary', fc.uint8Array({ maxLength: 30 }), ['bucket[16]', 'truncate[2]']],
];
const valuesOf = (type: IcebergType): fc.Arbitrary<IcebergValue> => PRIMITIVES.find(([name]) => name === type)![1];
const transformsOf = (type: IcebergType): readonly string[] => [
  'identity',
  'void',
  ...PRIMITIVES.find(([name]) => name === type)![2],
];

const primitive = fc.constantFrom(...PRIMITIVES.map(([name]) => name));
/** Names that Avro and JSON have trouble with. */
const columnName = fc.oneof(
  fc.constantFrom('__proto__', '1st', 'größe', 'a.b', ' '),
  fc.string({ minLength: 1, maxLength: 8 }),
);

/** A type whose field ids come from `next`. */
const nested: fc.Arbitrary<(next: () => number) => IcebergType> = fc.letrec<{
  type: (next: () => number) => IcebergType;
}>((tie) => ({
  type: fc.oneof(
    { maxDepth: 2, depthSize: 'small' },
    primitive.map((type) => () => type),
    tie('type').map(
      (element) =>
        (next: () => number): IcebergType => ({
          type: 'list',
          'element-id': next(),
          element: element(next),
          'element-required': false,
        }),
    ),
    fc.tuple(primitive, tie('type')).map(
      ([key, value]) =>
        (next: () => number): IcebergType => ({
          type: 'map',
          'key-id': next(),
          key,
          'value-id': next(),
          value: value(next),
          'value-required': true,
        }),
    ),
    fc.uniqueArray(fc.tuple(columnName, tie('type')), { selector: ([name]) => name, minLength: 1, maxLength: 3 }).map(
      (members) =>
        (next: () => number): IcebergType => ({
          type: 'struct',
          fields: members.map(([name, type]) => ({ id: next(), name, required: false, type: type(next) })),
        }),
    ),
  ),
})).type;

interface Case {
  readonly schema: IcebergSchema;
  readonly spec: PartitionSpec;
  readonly files: readonly NewDataFile[];
}

const nullable = (type: IcebergType): fc.Arbitrary<IcebergValue | null> => fc.option(valuesOf(type), { freq: 6 });

/** A table and files of it: the first columns are primitive, and a spec is made of them. */
const anyCase: fc.Arbitrary<Case> = fc
  .uniqueArray(fc.tuple(columnName, primitive, nested), { selector: ([name]) => name, minLength: 1, maxLength: 4 })
  .chain((columns) => {
    let id = 0;
    const next = (): number => ++id;
    const plain = columns.map(([name, type]): IcebergField => ({ id: next(), name, required: false, type }));
    const deep = columns.map(
      ([name, , type]): IcebergField => ({ id: next(), name: `${name}+`, required: false, type: type(next) }),
    );
    const schema: IcebergSchema = { type: 'struct', 'schema-id': 0, fields: [...plain, ...deep] };
    const transforms = fc.tuple(...plain.map(({ type }) => fc.constantFrom(...transformsOf(type))));
    return transforms.chain((names) => {
      const spec: PartitionSpec = {
        'spec-id': 0,
        fields: plain.map((field, at) => ({
          'source-id': field.id,
          'field-id': 1000 + at,
          name: `${field.name}-${at}`,
          transform: names[at]!,
        })),
      };
      const file = fc.tuple(
        fc.tuple(...plain.map(({ type }) => nullable(type))),
        fc.tuple(...plain.map(({ type }) => fc.option(fc.tuple(valuesOf(type), valuesOf(type))))),
        fc.nat({ max: 2 ** 31 }),
      );
      return fc.array(file, { minLength: 1, maxLength: 6 }).map((made) => ({
        schema,
        spec,
        files: made.map(
          ([sources, bounds, rows], at): NewDataFile => ({
            key: `t/data/f${at}.parquet`,
            partition: partitionOf(spec, schema, sources),
            rows,
            bytes: rows + 7,
            columns: plain.map(({ id: fieldId }, column) => {
              const [lower, upper] = [...(bounds[column] ?? [])].sort(compareValues);
              return { fieldId, size: at, values: rows, nulls: 0, nans: undefined, lower, upper };
            }),
            splitOffsets: [4, 2 ** 40],
          }),
        ),
      }));
    });
  });

/** What a file says after it was stored: long bounds are cut. */
function asStored(file: NewDataFile, schema: IcebergSchema) {
  const isCut = (id: number): boolean => ['string', 'binary'].includes(schema.fields[id - 1]!.type as string);
  return {
    key: file.key,
    partition: file.partition,
    rows: file.rows,
    bytes: file.bytes,
    columns: file.columns!.map((facts) => ({
      ...facts,
      lower: facts.lower !== undefined && isCut(facts.fieldId) ? truncateLower(facts.lower) : facts.lower,
      upper: facts.upper !== undefined && isCut(facts.fieldId) ? truncateUpper(facts.upper) : facts.upper,
    })),
    splitOffsets: file.splitOffsets,
  };
}

it('any schema, any partition, values at their bounds: what is committed is what is read, also after a removal and a move', async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(anyCase, async ({ schema, spec, files }) => {
      for (const { transform, 'source-id': source } of spec.fields)
        seen.add(`${String(schema.fields[source - 1]!.type)} ${transform}`);
      const store = createMemoryStore();
      const table = openIcebergTable({ store, prefix: 't' });
      const uuid = '9a3d2f7e-1111-4222-8333-444455556666';
      let entry = committed(await table.create({ uuid, schema, spec, timestampMs: T0 }));
      expect(entry.metadata['last-column-id']).toBe(lastFieldId(schema));
      for (const file of files)
        entry = committed(
          await table.commit(entry, { add: [file], remove: [], timestampMs: T0, fanIn: 2, maxEntries: 4 }),
        );
      const stored = files.map((file) => asStored(file, schema));
      const read = async (from: typeof table) =>
        (await from.files((await from.load())!)).sort((a, b) => (a.key < b.key ? -1 : 1));
      expect(await read(table)).toMatchObject(stored);
      expect((await table.load())!.metadata.schemas).toEqual([schema]);
      const [first] = files;
      const remove = [{ key: first!.key, partition: first!.partition }];
      committed(await table.commit(entry, { add: [], remove, timestampMs: T0 }));
      const moved = openIcebergTable({ store, prefix: 't', location: 'file:///elsewhere/t' });
      committed(await moved.relocate((await moved.load())!));
      expect(await read(moved)).toMatchObject(stored.slice(1));
    }),
    { numRuns: 150 },
  );
  // Not only a few of them.
  expect(seen.size).toBeGreaterThan(40);
});

it.each(PRIMITIVES)('%s is a partition by identity and by each of its transforms', (type, values, transforms) => {
  fc.assert(
    fc.property(values, fc.constantFrom('identity', ...transforms), (value, name) => {
      const { apply, resultType } = transformOf(name, parsePrimitive(type));
      const result = apply(value)!;
      expect(compareValues(result, apply(value)!)).toBe(0);
      expect(resultType.kind === 'int' ? Number.isInteger(result) : true).toBe(true);
    }),
  );
});
