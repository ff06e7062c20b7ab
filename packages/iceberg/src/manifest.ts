import { type AvroCodec, readAvro, writeAvro } from './avro/container.js';
import type { AvroRecord, AvroValue } from './avro/schema.js';
import { damaged, IcebergError } from './errors.js';
import { printJson } from './json.js';
import { decimalBytes, manifestEntrySchema, manifestListSchema, partitionNames } from './manifest-schema.js';
import { type PartitionSpec, type PartitionValues, transformsOf } from './partition.js';
import { fieldsById, type IcebergSchema, type PrimitiveType, parsePrimitive } from './types.js';
import {
  bigintOfBytes,
  compareValues,
  encodeValue,
  type IcebergValue,
  truncateLower,
  truncateUpper,
} from './values.js';

/** What is known of one column of a data file. Absent members are not known, which is always allowed. */
export interface ColumnFacts {
  readonly fieldId: number;
  /** Bytes in the file. */
  readonly size?: number | undefined;
  /** Values, nulls among them. */
  readonly values?: number | undefined;
  readonly nulls?: number | undefined;
  /** Of float and double. */
  readonly nans?: number | undefined;
  /** Least and greatest value that is neither null nor NaN; long texts are cut when they are written. */
  readonly lower?: IcebergValue | undefined;
  readonly upper?: IcebergValue | undefined;
}

/** A data file that joins a table. */
export interface NewDataFile {
  /** Key in the store; below the table's folder. */
  readonly key: string;
  readonly format?: 'parquet' | 'avro' | 'orc' | undefined;
  readonly partition: PartitionValues;
  readonly rows: number;
  readonly bytes: number;
  readonly columns?: readonly ColumnFacts[] | undefined;
  /** Where its row groups begin, ascending. */
  readonly splitOffsets?: readonly number[] | undefined;
  /** Order of its rows; 0 for none. */
  readonly sortOrderId?: number | undefined;
}

export const STATUS = { existing: 0, added: 1, deleted: 2 } as const;

/** One entry of a manifest, numbers inherited from the manifest list filled in. */
export interface ManifestEntry {
  readonly status: number;
  readonly snapshotId: bigint;
  readonly sequenceNumber: bigint;
  readonly fileSequenceNumber: bigint;
  /** `data_file` as stored. */
  readonly file: AvroRecord;
}

/** A manifest as the list names it. */
export interface ManifestFile {
  /** URI. */
  readonly path: string;
  readonly length: number;
  readonly specId: number;
  /** 0 data, 1 deletes. */
  readonly content: number;
  readonly sequenceNumber: bigint;
  readonly minSequenceNumber: bigint;
  readonly addedSnapshotId: bigint;
  readonly added: { readonly files: number; readonly rows: bigint };
  readonly existing: { readonly files: number; readonly rows: bigint };
  readonly deleted: { readonly files: number; readonly rows: bigint };
  /** Of the partition values of all its entries, field by field. */
  readonly partitions: readonly PartitionSummary[] | undefined;
}

export interface PartitionSummary {
  readonly containsNull: boolean;
  readonly containsNan: boolean | undefined;
  readonly lower: Uint8Array | undefined;
  readonly upper: Uint8Array | undefined;
}

/** A partition value as its Avro type takes it. */
function toAvro(type: PrimitiveType, value: IcebergValue | null): AvroValue {
  if (value === null) return null;
  if (type.kind === 'uuid') return encodeValue(type, value);
  if (type.kind !== 'decimal') return value;
  const size = decimalBytes(type.precision);
  const short = encodeValue(type, value);
  if (short.length > size)
    throw new IcebergError('invalid-option', `A decimal of ${type.precision} digits cannot hold ${String(value)}.`);
  const bytes = new Uint8Array(size).fill((value as bigint) < 0n ? 0xff : 0);
  bytes.set(short, size - short.length);
  return bytes;
}

function fromAvro(type: PrimitiveType, value: AvroValue | undefined): IcebergValue | null {
  if (value === null || value === undefined) return null;
  if (type.kind === 'decimal') return bigintOfBytes(value as Uint8Array);
  if (type.kind === 'uuid')
    return Buffer.from(value as Uint8Array)
      .toString('hex')
      .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return value as IcebergValue;
}

export interface TableShape {
  readonly schema: IcebergSchema;
  readonly spec: PartitionSpec;
}

function intMap<T>(columns: readonly ColumnFacts[], of: (facts: ColumnFacts) => T | undefined): AvroValue {
  const entries = columns
    .map((facts) => ({ key: facts.fieldId, value: of(facts) }))
    .filter(({ value }) => value !== undefined)
    .sort((a, b) => a.key - b.key);
  return entries.length === 0 ? null : (entries as unknown as AvroValue);
}

/** A data file as its manifest stores it. Throws `IcebergError` `invalid-option` for a fact that does not fit the schema. */
export function encodeDataFile(file: NewDataFile, uri: string, { schema, spec }: TableShape): AvroRecord {
  const fields = fieldsById(schema);
  const transforms = transformsOf(spec, schema);
  if (file.partition.length !== transforms.length)
    throw new IcebergError(
      'invalid-option',
      `${file.key}: expected ${transforms.length} partition values, got ${file.partition.length}.`,
    );
  const columns = file.columns ?? [];
  const typeOfColumn = (id: number): PrimitiveType => {
    const field = fields.get(id);
    if (field === undefined) throw new IcebergError('invalid-option', `${file.key}: there is no column with id ${id}.`);
    return parsePrimitive(field.type);
  };
  type Cut = (value: IcebergValue) => IcebergValue | undefined;
  /** Texts and bytes are cut; a UUID is neither, though it is written as one. */
  const bound = ({ fieldId }: ColumnFacts, value: IcebergValue | undefined, cut: Cut): Uint8Array | undefined => {
    const type = typeOfColumn(fieldId);
    const kept = value === undefined || !['string', 'binary'].includes(type.kind) ? value : cut(value);
    return kept === undefined ? undefined : encodeValue(type, kept);
  };
  return {
    content: 0,
    file_path: uri,
    file_format: (file.format ?? 'parquet').toUpperCase(),
    partition: Object.fromEntries(
      partitionNames(spec).map((name, at) => [name, toAvro(transforms[at]!.resultType, file.partition[at]!)]),
    ),
    record_count: file.rows,
    file_size_in_bytes: file.bytes,
    column_sizes: intMap(columns, ({ size }) => size),
    value_counts: intMap(columns, ({ values }) => values),
    null_value_counts: intMap(columns, ({ nulls }) => nulls),
    nan_value_counts: intMap(columns, ({ nans }) => nans),
    lower_bounds: intMap(columns, (facts) => bound(facts, facts.lower, truncateLower)),
    upper_bounds: intMap(columns, (facts) => bound(facts, facts.upper, truncateUpper)),
    key_metadata: null,
    split_offsets: file.splitOffsets === undefined ? null : [...file.splitOffsets],
    equality_ids: null,
    sort_order_id: file.sortOrderId ?? 0,
  };
}

/** Partition values of a stored data file. */
export function partitionOfFile(file: AvroRecord, { schema, spec }: TableShape): PartitionValues {
  const stored = (file.partition ?? {}) as AvroRecord;
  const transforms = transformsOf(spec, schema);
  return partitionNames(spec).map((name, at) => fromAvro(transforms[at]!.resultType, stored[name]));
}

function isNan(value: IcebergValue): boolean {
  return typeof value === 'number' && Number.isNaN(value);
}

function summarize(partitions: readonly PartitionValues[], shape: TableShape): PartitionSummary[] {
  return transformsOf(shape.spec, shape.schema).map(({ resultType }, at) => {
    let [lower, upper]: (IcebergValue | undefined)[] = [];
    let containsNull = false;
    let containsNan = false;
    for (const values of partitions) {
      const value = values[at] ?? null;
      if (value === null) containsNull = true;
      else if (isNan(value)) containsNan = true;
      else {
        if (lower === undefined || compareValues(value, lower) < 0) lower = value;
        if (upper === undefined || compareValues(value, upper) > 0) upper = value;
      }
    }
    return {
      containsNull,
      containsNan,
      lower: lower === undefined ? undefined : encodeValue(resultType, lower),
      upper: upper === undefined ? undefined : encodeValue(resultType, upper),
    };
  });
}

/** Sequence numbers are bigint, which Math.min does not take. */
function least(left: bigint, right: bigint): bigint {
  return left < right ? left : right;
}

export interface WriteManifestOptions extends TableShape {
  readonly entries: readonly ManifestEntry[];
  /** Snapshot that the manifest is written for, and its sequence number. */
  readonly snapshotId: bigint;
  readonly sequenceNumber: bigint;
  readonly codec?: AvroCodec | undefined;
}

const count = (entries: readonly ManifestEntry[], status: number): { files: number; rows: bigint } => {
  const some = entries.filter((entry) => entry.status === status);
  return { files: some.length, rows: some.reduce((sum, { file }) => sum + BigInt(file.record_count as bigint), 0n) };
};

/** A manifest of data files: its bytes, and its row in a manifest list but for path and length. */
export function writeManifest(options: WriteManifestOptions): {
  readonly bytes: Uint8Array;
  readonly facts: Omit<ManifestFile, 'path' | 'length'>;
} {
  const { entries, schema, spec, snapshotId, sequenceNumber } = options;
  const bytes = writeAvro({
    schema: manifestEntrySchema(spec, schema),
    codec: options.codec,
    metadata: {
      schema: printJson(schema),
      'schema-id': String(schema['schema-id']),
      'partition-spec': printJson(spec.fields),
      'partition-spec-id': String(spec['spec-id']),
      'format-version': '2',
      content: 'data',
    },
    records: entries.map(({ status, snapshotId: id, sequenceNumber: sequence, fileSequenceNumber, file }) => ({
      status,
      snapshot_id: id,
      // Numbers of added files are null: they are those of the commit, whichever try of it succeeds.
      sequence_number: status === STATUS.added ? null : sequence,
      file_sequence_number: status === STATUS.added ? null : fileSequenceNumber,
      data_file: file,
    })),
  });
  const live = entries.filter(({ status }) => status !== STATUS.deleted).map((entry) => entry.sequenceNumber);
  return {
    bytes,
    facts: {
      specId: spec['spec-id'],
      content: 0,
      sequenceNumber,
      minSequenceNumber: live.reduce(least, sequenceNumber),
      addedSnapshotId: snapshotId,
      added: count(entries, STATUS.added),
      existing: count(entries, STATUS.existing),
      deleted: count(entries, STATUS.deleted),
      partitions: summarize(
        entries.map(({ file }) => partitionOfFile(file, options)),
        options,
      ),
    },
  };
}

/** A file's own schema may give a field another type than the specification does. */
function integer(value: AvroValue, name: string): bigint {
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return BigInt(value as bigint);
  throw damaged(`${name}: expected a whole number, got ${String(value).slice(0, 60)}`);
}

/** Entries of a manifest. Throws `IcebergError` `damaged-file` or `unsupported` without the manifest's name. */
export function readManifest(bytes: Uint8Array, manifest: ManifestFile, shape: TableShape): ManifestEntry[] {
  const file = readAvro(bytes, manifestEntrySchema(shape.spec, shape.schema));
  return file.records.map((record) => {
    const inherit = (value: AvroValue | undefined, from: bigint): bigint =>
      value === null || value === undefined ? from : integer(value, 'sequence or snapshot number');
    const status = Number(record.status);
    if (![0, 1, 2].includes(status)) throw damaged(`an entry has the status ${String(record.status)}`);
    const entry = record.data_file;
    if (typeof entry !== 'object' || entry === null) throw damaged('an entry names no data file');
    const { file_path: path, record_count: rows, file_size_in_bytes: size } = entry as AvroRecord;
    if (typeof path !== 'string' || typeof rows !== 'bigint' || typeof size !== 'bigint')
      throw damaged('an entry names a data file without its path, rows or bytes');
    return {
      status,
      snapshotId: inherit(record.snapshot_id, manifest.addedSnapshotId),
      sequenceNumber: inherit(record.sequence_number, manifest.sequenceNumber),
      fileSequenceNumber: inherit(record.file_sequence_number, manifest.sequenceNumber),
      file: entry as AvroRecord,
    };
  });
}

export interface WriteManifestListOptions {
  readonly manifests: readonly ManifestFile[];
  readonly snapshotId: bigint;
  readonly parentId: bigint | undefined;
  readonly sequenceNumber: bigint;
  readonly codec?: AvroCodec | undefined;
}

export function writeManifestList(options: WriteManifestListOptions): Uint8Array {
  return writeAvro({
    schema: manifestListSchema,
    codec: options.codec,
    metadata: {
      'snapshot-id': String(options.snapshotId),
      'parent-snapshot-id': options.parentId === undefined ? 'null' : String(options.parentId),
      'sequence-number': String(options.sequenceNumber),
      'format-version': '2',
    },
    records: options.manifests.map((manifest) => ({
      manifest_path: manifest.path,
      manifest_length: manifest.length,
      partition_spec_id: manifest.specId,
      content: manifest.content,
      sequence_number: manifest.sequenceNumber,
      min_sequence_number: manifest.minSequenceNumber,
      added_snapshot_id: manifest.addedSnapshotId,
      added_files_count: manifest.added.files,
      existing_files_count: manifest.existing.files,
      deleted_files_count: manifest.deleted.files,
      added_rows_count: manifest.added.rows,
      existing_rows_count: manifest.existing.rows,
      deleted_rows_count: manifest.deleted.rows,
      partitions:
        manifest.partitions === undefined
          ? null
          : manifest.partitions.map(({ containsNull, containsNan, lower, upper }) => ({
              contains_null: containsNull,
              contains_nan: containsNan ?? null,
              lower_bound: lower ?? null,
              upper_bound: upper ?? null,
            })),
      key_metadata: null,
    })),
  });
}

/** The manifests of a list. Throws `IcebergError` `damaged-file` or `unsupported` without the list's name. */
export function readManifestList(bytes: Uint8Array): ManifestFile[] {
  return readAvro(bytes, manifestListSchema).records.map((record) => {
    const long = (name: string): bigint => integer(record[name] ?? 0n, name);
    const whole = (name: string): number => Number(long(name));
    if (typeof record.manifest_path !== 'string') throw damaged('a manifest list has an entry without a path');
    const partitions = record.partitions as readonly AvroRecord[] | null | undefined;
    return {
      path: record.manifest_path,
      length: whole('manifest_length'),
      specId: whole('partition_spec_id'),
      content: whole('content'),
      sequenceNumber: long('sequence_number'),
      minSequenceNumber: long('min_sequence_number'),
      addedSnapshotId: long('added_snapshot_id'),
      added: { files: whole('added_files_count'), rows: long('added_rows_count') },
      existing: { files: whole('existing_files_count'), rows: long('existing_rows_count') },
      deleted: { files: whole('deleted_files_count'), rows: long('deleted_rows_count') },
      partitions: partitions?.map((summary) => ({
        containsNull: summary.contains_null === true,
        containsNan: (summary.contains_nan ?? undefined) as boolean | undefined,
        lower: (summary.lower_bound ?? undefined) as Uint8Array | undefined,
        upper: (summary.upper_bound ?? undefined) as Uint8Array | undefined,
      })),
    };
  });
}
