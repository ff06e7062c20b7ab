import type { AvroSchema, AvroType } from './avro/schema.js';
import { optional } from './avro/schema.js';
import { type PartitionSpec, transformsOf } from './partition.js';
import type { IcebergSchema, PrimitiveType } from './types.js';

// Avro schemas of manifests and manifest lists, version 2: https://iceberg.apache.org/spec/#manifests, #manifest-lists.
// The numbers are the field ids that the specification gives.

function field(
  id: number,
  name: string,
  type: AvroSchema,
): { name: string; type: AvroSchema; 'field-id': number; default?: null } {
  return { name, type, ...(Array.isArray(type) ? { default: null } : {}), 'field-id': id };
}

/** A map from ints, which Avro's own maps cannot have: an array of key-value records. */
function intMap(key: number, value: number, type: AvroSchema): AvroSchema {
  return {
    type: 'array',
    logicalType: 'map',
    items: {
      type: 'record',
      name: `k${key}_v${value}`,
      fields: [
        { name: 'key', type: 'int', 'field-id': key },
        { name: 'value', type, 'field-id': value },
      ],
    },
  };
}

/** Bytes of a decimal of that precision: https://iceberg.apache.org/spec/#avro (fixed of the least length). */
export function decimalBytes(precision: number): number {
  let length = 1;
  while (2n ** BigInt(length * 8 - 1) < 10n ** BigInt(precision)) length += 1;
  return length;
}

/** The Avro type of a partition value: https://iceberg.apache.org/spec/#avro */
function avroTypeOf(type: PrimitiveType, fieldId: number): AvroSchema {
  switch (type.kind) {
    case 'date':
      return { type: 'int', logicalType: 'date' };
    case 'time':
      return { type: 'long', logicalType: 'time-micros' };
    case 'timestamp':
    case 'timestamptz':
      return { type: 'long', logicalType: 'timestamp-micros', 'adjust-to-utc': type.kind === 'timestamptz' };
    case 'uuid':
      return { type: 'fixed', name: `uuid_${fieldId}`, size: 16, logicalType: 'uuid' };
    case 'fixed':
      return { type: 'fixed', name: `fixed_${fieldId}`, size: type.length };
    case 'decimal':
      return {
        type: 'fixed',
        name: `decimal_${fieldId}`,
        size: decimalBytes(type.precision),
        logicalType: 'decimal',
        precision: type.precision,
        scale: type.scale,
      };
    case 'binary':
      return 'bytes';
    default:
      return type.kind;
  }
}

/** Avro names hold letters, digits and `_` only; others become `_xHH`, as Iceberg's writers do. */
function avroName(name: string): string {
  const safe = name.replace(
    /[^A-Za-z0-9_]/gu,
    (character) => `_x${character.codePointAt(0)!.toString(16).toUpperCase()}`,
  );
  return /^\d/.test(safe) ? `_${safe}` : safe;
}

function partitionRecord(spec: PartitionSpec, schema: IcebergSchema): AvroType {
  const transforms = transformsOf(spec, schema);
  return {
    type: 'record',
    name: 'r102',
    fields: spec.fields.map((part, at) =>
      field(part['field-id'], avroName(part.name), optional(avroTypeOf(transforms[at]!.resultType, part['field-id']))),
    ),
  };
}

/** Names of a spec's fields in the partition record. */
export function partitionNames(spec: PartitionSpec): readonly string[] {
  return spec.fields.map(({ name }) => avroName(name));
}

export function manifestEntrySchema(spec: PartitionSpec, schema: IcebergSchema): AvroSchema {
  return {
    type: 'record',
    name: 'manifest_entry',
    fields: [
      field(0, 'status', 'int'),
      field(1, 'snapshot_id', optional('long')),
      field(3, 'sequence_number', optional('long')),
      field(4, 'file_sequence_number', optional('long')),
      field(2, 'data_file', {
        type: 'record',
        name: 'r2',
        fields: [
          field(134, 'content', 'int'),
          field(100, 'file_path', 'string'),
          field(101, 'file_format', 'string'),
          field(102, 'partition', partitionRecord(spec, schema)),
          field(103, 'record_count', 'long'),
          field(104, 'file_size_in_bytes', 'long'),
          field(108, 'column_sizes', optional(intMap(117, 118, 'long'))),
          field(109, 'value_counts', optional(intMap(119, 120, 'long'))),
          field(110, 'null_value_counts', optional(intMap(121, 122, 'long'))),
          field(137, 'nan_value_counts', optional(intMap(138, 139, 'long'))),
          field(125, 'lower_bounds', optional(intMap(126, 127, 'bytes'))),
          field(128, 'upper_bounds', optional(intMap(129, 130, 'bytes'))),
          field(131, 'key_metadata', optional('bytes')),
          field(132, 'split_offsets', optional({ type: 'array', items: 'long', 'element-id': 133 })),
          field(135, 'equality_ids', optional({ type: 'array', items: 'int', 'element-id': 136 })),
          field(140, 'sort_order_id', optional('int')),
        ],
      }),
    ],
  };
}

export const manifestListSchema: AvroSchema = {
  type: 'record',
  name: 'manifest_file',
  fields: [
    field(500, 'manifest_path', 'string'),
    field(501, 'manifest_length', 'long'),
    field(502, 'partition_spec_id', 'int'),
    field(517, 'content', 'int'),
    field(515, 'sequence_number', 'long'),
    field(516, 'min_sequence_number', 'long'),
    field(503, 'added_snapshot_id', 'long'),
    field(504, 'added_files_count', 'int'),
    field(505, 'existing_files_count', 'int'),
    field(506, 'deleted_files_count', 'int'),
    field(512, 'added_rows_count', 'long'),
    field(513, 'existing_rows_count', 'long'),
    field(514, 'deleted_rows_count', 'long'),
    field(
      507,
      'partitions',
      optional({
        type: 'array',
        'element-id': 508,
        items: {
          type: 'record',
          name: 'r508',
          fields: [
            field(509, 'contains_null', 'boolean'),
            field(518, 'contains_nan', optional('boolean')),
            field(510, 'lower_bound', optional('bytes')),
            field(511, 'upper_bound', optional('bytes')),
          ],
        },
      }),
    ),
    field(519, 'key_metadata', optional('bytes')),
  ],
};
