import { IcebergError } from './errors.js';
import { type Transform, transformOf } from './transforms.js';
import { fieldsById, type IcebergSchema, parsePrimitive } from './types.js';
import type { IcebergValue } from './values.js';

export interface PartitionField {
  readonly 'source-id': number;
  /** From 1000 on; unique over all specs of a table. */
  readonly 'field-id': number;
  readonly name: string;
  /** `identity`, `bucket[16]`, `truncate[4]`, `year`, `month`, `day`, `hour`, `void`. */
  readonly transform: string;
}

export interface PartitionSpec {
  readonly 'spec-id': number;
  readonly fields: readonly PartitionField[];
}

/** A partition's values, in the order of the spec's fields; null where the source is. */
export type PartitionValues = readonly (IcebergValue | null)[];

export interface SortField {
  readonly transform: string;
  readonly 'source-id': number;
  readonly direction: 'asc' | 'desc';
  readonly 'null-order': 'nulls-first' | 'nulls-last';
}

export interface SortOrder {
  readonly 'order-id': number;
  readonly fields: readonly SortField[];
}

export const FIRST_PARTITION_FIELD_ID = 1000;

/** The transforms of a spec, field by field. Throws `IcebergError` `unsupported` or `invalid-option`. */
export function transformsOf(spec: PartitionSpec, schema: IcebergSchema): readonly Transform[] {
  const known = cache.get(spec)?.get(schema);
  if (known !== undefined) return known;
  const transforms = compileTransforms(spec, schema);
  const bySchema = cache.get(spec) ?? new WeakMap<IcebergSchema, readonly Transform[]>();
  cache.set(spec, bySchema.set(schema, transforms));
  return transforms;
}

/** They are asked for once an entry of a manifest. */
const cache = new WeakMap<PartitionSpec, WeakMap<IcebergSchema, readonly Transform[]>>();

function compileTransforms(spec: PartitionSpec, schema: IcebergSchema): readonly Transform[] {
  const fields = fieldsById(schema);
  return spec.fields.map(({ name, transform, 'source-id': source }) => {
    const field = fields.get(source);
    if (field === undefined)
      throw new IcebergError('invalid-option', `Partition field ${name}: the schema has no column with id ${source}.`);
    return transformOf(transform, parsePrimitive(field.type));
  });
}

/** A partition of rows whose source columns have these values. */
export function partitionOf(
  spec: PartitionSpec,
  schema: IcebergSchema,
  sources: readonly (IcebergValue | null)[],
): PartitionValues {
  return transformsOf(spec, schema).map(({ apply }, at) => {
    const value = sources[at];
    return value === null || value === undefined ? null : apply(value);
  });
}
