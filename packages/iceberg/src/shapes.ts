import { damaged } from './errors.js';
import { isObject, isWhole, type Json, list, member, text, whole } from './members.js';
import type { PartitionSpec, SortOrder } from './partition.js';
import type { IcebergField, IcebergSchema, IcebergType } from './types.js';

// Schemas, partition specs and sort orders of stored metadata: https://iceberg.apache.org/spec/#appendix-c-json-serialization
// Members that are not named here are kept as they are.

const flag = (value: Json, name: string): boolean =>
  member(value, name, (x) => typeof x === 'boolean', 'true or false');

/** Deeper types are no table of anybody, and would end the stack. */
const MAX_DEPTH = 100;

function parseType(value: unknown, depth: number): IcebergType {
  if (typeof value === 'string') return value;
  if (!isObject(value) || depth > MAX_DEPTH) throw damaged('its schemas: expected a type as a text or an object');
  switch (value.type) {
    case 'struct':
      return { ...value, type: 'struct', fields: parseFields(value, depth) };
    case 'list':
      return {
        ...value,
        type: 'list',
        'element-id': whole(value, 'element-id'),
        element: parseType(value.element, depth + 1),
        'element-required': flag(value, 'element-required'),
      };
    case 'map':
      return {
        ...value,
        type: 'map',
        'key-id': whole(value, 'key-id'),
        key: parseType(value.key, depth + 1),
        'value-id': whole(value, 'value-id'),
        value: parseType(value.value, depth + 1),
        'value-required': flag(value, 'value-required'),
      };
    default:
      throw damaged('its schemas: expected a struct, a list or a map');
  }
}

function parseFields(value: Json, depth: number): IcebergField[] {
  return list(value, 'fields').map((field) => ({
    ...field,
    id: whole(field, 'id'),
    name: text(field, 'name'),
    required: flag(field, 'required'),
    type: parseType(field.type, depth + 1),
  }));
}

export function parseSchema(value: Json): IcebergSchema {
  const ids = value['identifier-field-ids'] ?? [];
  if (!Array.isArray(ids) || !ids.every(isWhole))
    throw damaged('its identifier-field-ids: expected a list of field ids');
  return { ...value, type: 'struct', 'schema-id': whole(value, 'schema-id'), fields: parseFields(value, 0) };
}

export function parseSpec(value: Json): PartitionSpec {
  return {
    ...value,
    'spec-id': whole(value, 'spec-id'),
    fields: list(value, 'fields').map((field) => ({
      ...field,
      'source-id': whole(field, 'source-id'),
      'field-id': whole(field, 'field-id'),
      name: text(field, 'name'),
      transform: text(field, 'transform'),
    })),
  };
}

export function parseSortOrder(value: Json): SortOrder {
  return {
    ...value,
    'order-id': whole(value, 'order-id'),
    fields: list(value, 'fields').map((field) => ({
      ...field,
      transform: text(field, 'transform'),
      'source-id': whole(field, 'source-id'),
      direction: member(field, 'direction', (x) => x === 'asc' || x === 'desc', 'asc or desc'),
      'null-order': member(
        field,
        'null-order',
        (x) => x === 'nulls-first' || x === 'nulls-last',
        'nulls-first or nulls-last',
      ),
    })),
  };
}
