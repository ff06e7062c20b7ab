import { damaged, IcebergError } from './errors.js';
import { parseJson, printJson } from './json.js';
import { isObject, isWhole, type Json, list, long, member, optionalList, text, whole } from './members.js';
import { FIRST_PARTITION_FIELD_ID, type PartitionSpec, type SortOrder, transformsOf } from './partition.js';
import { parseSchema, parseSortOrder, parseSpec } from './shapes.js';
import { fieldsById, type IcebergSchema, lastFieldId } from './types.js';

/** `append`: files came; `delete`: files went; `overwrite`: both; `replace`: both, the rows are the same [compaction]. */
export type SnapshotOperation = 'append' | 'replace' | 'overwrite' | 'delete';

export interface IcebergSnapshot {
  /** 63 bits. */
  readonly 'snapshot-id': bigint;
  readonly 'parent-snapshot-id'?: bigint | undefined;
  readonly 'sequence-number': bigint;
  /** Milliseconds since 1970. */
  readonly 'timestamp-ms': number;
  /** URI of the manifest list. */
  readonly 'manifest-list': string;
  readonly summary: Readonly<Record<string, string>> & { readonly operation: string };
  readonly 'schema-id'?: number | undefined;
}

export interface SnapshotRef {
  readonly 'snapshot-id': bigint;
  readonly type: 'branch' | 'tag';
}

/**
 * Table metadata of format version 2, member for member as stored: https://iceberg.apache.org/spec/#table-metadata-fields
 * Members that this package does not know are kept and written again.
 */
export interface TableMetadata {
  readonly 'format-version': 2;
  readonly 'table-uuid': string;
  /** URI of the table's folder, without a slash at the end. */
  readonly location: string;
  readonly 'last-sequence-number': bigint;
  readonly 'last-updated-ms': number;
  readonly 'last-column-id': number;
  readonly 'current-schema-id': number;
  readonly schemas: readonly IcebergSchema[];
  readonly 'default-spec-id': number;
  readonly 'partition-specs': readonly PartitionSpec[];
  readonly 'last-partition-id': number;
  readonly 'default-sort-order-id': number;
  readonly 'sort-orders': readonly SortOrder[];
  readonly properties: Readonly<Record<string, string>>;
  readonly 'current-snapshot-id'?: bigint | undefined;
  readonly refs: Readonly<Record<string, SnapshotRef>>;
  readonly snapshots: readonly IcebergSnapshot[];
  readonly 'snapshot-log': readonly { readonly 'timestamp-ms': number; readonly 'snapshot-id': bigint }[];
  readonly 'metadata-log': readonly { readonly 'timestamp-ms': number; readonly 'metadata-file': string }[];
}

function parseSnapshot(value: Json): IcebergSnapshot {
  const parent = value['parent-snapshot-id'];
  const schemaId = value['schema-id'];
  return {
    ...value,
    'snapshot-id': long(value, 'snapshot-id'),
    ...(isWhole(parent) ? { 'parent-snapshot-id': BigInt(parent) } : {}),
    'sequence-number': long(value, 'sequence-number'),
    'timestamp-ms': whole(value, 'timestamp-ms'),
    'manifest-list': text(value, 'manifest-list'),
    summary: member(value, 'summary', (x) => isObject(x) && typeof x.operation === 'string', 'an object'),
    ...(isWhole(schemaId) ? { 'schema-id': Number(schemaId) } : {}),
  };
}

function parseRefs(value: Json, current: bigint | undefined): Record<string, SnapshotRef> {
  const refs = value.refs ?? {};
  if (!isObject(refs)) throw damaged('its refs: expected an object');
  const parsed = Object.fromEntries(
    Object.entries(refs).map(([name, ref]) => {
      if (!isObject(ref)) throw damaged(`its refs.${name}: expected an object`);
      return [name, { ...ref, 'snapshot-id': long(ref, 'snapshot-id'), type: text(ref, 'type') } as SnapshotRef];
    }),
  );
  return current === undefined || parsed.main !== undefined
    ? parsed
    : { ...parsed, main: { 'snapshot-id': current, type: 'branch' } };
}

/** Checks stored metadata. Throws `IcebergError` `damaged-file` with the member, or `unsupported` for another version. */
export function parseMetadata(bytes: Uint8Array): TableMetadata {
  let value: unknown;
  try {
    value = parseJson(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw damaged('it is no JSON', error);
  }
  if (!isObject(value)) throw damaged('it is no JSON object');
  const version = value['format-version'];
  if (version !== 2) {
    throw new IcebergError(
      'unsupported',
      `it has format version ${printJson(version ?? null)}; this package reads and writes version 2.`,
    );
  }
  const stored = value['current-snapshot-id'];
  const current = isWhole(stored) && BigInt(stored) !== -1n ? BigInt(stored) : undefined;
  const { 'current-snapshot-id': _absent, ...rest } = value;
  const metadata: TableMetadata = {
    ...rest,
    'format-version': 2,
    'table-uuid': text(value, 'table-uuid'),
    location: text(value, 'location').replace(/\/+$/, ''),
    'last-sequence-number': long(value, 'last-sequence-number'),
    'last-updated-ms': whole(value, 'last-updated-ms'),
    'last-column-id': whole(value, 'last-column-id'),
    'current-schema-id': whole(value, 'current-schema-id'),
    schemas: list(value, 'schemas').map(parseSchema),
    'default-spec-id': whole(value, 'default-spec-id'),
    'partition-specs': list(value, 'partition-specs').map(parseSpec),
    'last-partition-id': whole(value, 'last-partition-id'),
    'default-sort-order-id': whole(value, 'default-sort-order-id'),
    'sort-orders': list(value, 'sort-orders').map(parseSortOrder),
    properties: member(
      { properties: {}, ...value },
      'properties',
      (x) => isObject(x) && Object.values(x).every((one) => typeof one === 'string'),
      'an object of texts',
    ),
    ...(current === undefined ? {} : { 'current-snapshot-id': current }),
    refs: parseRefs(value, current),
    snapshots: optionalList(value, 'snapshots').map(parseSnapshot),
    'snapshot-log': optionalList(value, 'snapshot-log').map((entry) => ({
      'timestamp-ms': whole(entry, 'timestamp-ms'),
      'snapshot-id': long(entry, 'snapshot-id'),
    })),
    'metadata-log': optionalList(value, 'metadata-log').map((entry) => ({
      'timestamp-ms': whole(entry, 'timestamp-ms'),
      'metadata-file': text(entry, 'metadata-file'),
    })),
  };
  schemaById(metadata);
  specById(metadata);
  if (current !== undefined) snapshotById(metadata, current);
  return metadata;
}

/** Times of files have fractions of a millisecond; Iceberg's are whole. */
export const wholeMs = (ms: number): number => Math.floor(ms);

/** Throws `IcebergError` `damaged-file` for metadata that could not be read again: it must never become current. */
export function printMetadata(metadata: TableMetadata): Uint8Array {
  const bytes = Buffer.from(`${printJson(metadata)}\n`, 'utf8');
  parseMetadata(bytes);
  return bytes;
}

/** A schema of the table; the current one by default. Throws `IcebergError` `damaged-file`. */
export function schemaById(metadata: TableMetadata, id: number = metadata['current-schema-id']): IcebergSchema {
  const found = metadata.schemas.find((schema) => schema['schema-id'] === id);
  if (found === undefined) throw damaged(`the table has no schema ${id}`);
  return found;
}

export function specById(metadata: TableMetadata, id: number = metadata['default-spec-id']): PartitionSpec {
  const found = metadata['partition-specs'].find((spec) => spec['spec-id'] === id);
  if (found === undefined) throw damaged(`the table has no partition spec ${id}`);
  return found;
}

/** Throws `IcebergError` `unknown-snapshot`. */
export function snapshotById(metadata: TableMetadata, id: bigint): IcebergSnapshot {
  const found = metadata.snapshots.find((snapshot) => snapshot['snapshot-id'] === id);
  if (found === undefined) throw new IcebergError('unknown-snapshot', `The table has no snapshot ${id}.`);
  return found;
}

export function currentSnapshot(metadata: TableMetadata): IcebergSnapshot | undefined {
  const id = metadata['current-snapshot-id'];
  return id === undefined ? undefined : snapshotById(metadata, id);
}

export interface NewTable {
  readonly uuid: string;
  readonly location: string;
  readonly schema: IcebergSchema;
  /** Default: not partitioned. Field ids may be left at 0 to be numbered from 1000. */
  readonly spec?: PartitionSpec | undefined;
  /** Default: unsorted. */
  readonly sortOrder?: SortOrder | undefined;
  readonly properties?: Readonly<Record<string, string>> | undefined;
  /** Milliseconds since 1970. */
  readonly timestampMs: number;
}

const UNPARTITIONED: PartitionSpec = { 'spec-id': 0, fields: [] };
const UNSORTED: SortOrder = { 'order-id': 0, fields: [] };

/** Metadata of a table without snapshots. Throws `IcebergError` `invalid-option`. */
export function newTable(options: NewTable): TableMetadata {
  const { schema, spec = UNPARTITIONED, sortOrder = UNSORTED } = options;
  const ids = fieldsById(schema);
  for (const { 'source-id': source } of sortOrder.fields)
    if (!ids.has(source)) throw new IcebergError('invalid-option', `sortOrder: there is no column with id ${source}.`);
  if (sortOrder.fields.length > 0 !== sortOrder['order-id'] > 0)
    throw new IcebergError('invalid-option', 'sortOrder: order-id 0 means unsorted, and nothing else does.');
  transformsOf(spec, schema);
  const fields = spec.fields.map((field, at) => ({
    ...field,
    'field-id': field['field-id'] || FIRST_PARTITION_FIELD_ID + at,
  }));
  return {
    'format-version': 2,
    'table-uuid': options.uuid,
    location: options.location.replace(/\/+$/, ''),
    'last-sequence-number': 0n,
    'last-updated-ms': wholeMs(options.timestampMs),
    'last-column-id': lastFieldId(schema),
    'current-schema-id': schema['schema-id'],
    schemas: [schema],
    'default-spec-id': spec['spec-id'],
    'partition-specs': [{ ...spec, fields }],
    'last-partition-id': Math.max(FIRST_PARTITION_FIELD_ID - 1, ...fields.map((field) => field['field-id'])),
    'default-sort-order-id': sortOrder['order-id'],
    'sort-orders': sortOrder['order-id'] === 0 ? [UNSORTED] : [UNSORTED, sortOrder],
    properties: { ...options.properties },
    refs: {},
    snapshots: [],
    'snapshot-log': [],
    'metadata-log': [],
  };
}
