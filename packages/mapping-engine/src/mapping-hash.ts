import { createHash } from 'node:crypto';
import type { TableSchema } from '@schemahub/columns';
import type { Mapping } from './mapping.js';

/** JSON with sorted keys and no space: equal values have equal texts. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, member]) => member !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${entries.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** sha256 (hex) of what a mapping means: comments, order and white space of its text do not change it. */
export function mappingHash(mapping: Mapping): string {
  return sha256(canonicalJson(mapping));
}

/** sha256 (hex) of what a schema means: names, field ids, types, nullability, keys; not its documentation. */
export function schemaHash(schema: TableSchema): string {
  const columns = schema.columns.map(({ name, fieldId, type, nullable }) => ({ name, fieldId, type, nullable }));
  return sha256(canonicalJson({ name: schema.name, columns, primaryKey: schema.primaryKey, sortKey: schema.sortKey }));
}
