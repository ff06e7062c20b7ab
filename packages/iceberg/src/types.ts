import type { ColumnSpec, TableSchema } from '@schemahub/columns';
import { IcebergError } from './errors.js';

/** A type as the table metadata spells it: https://iceberg.apache.org/spec/#schemas-and-data-types */
export type IcebergType = string | StructType | ListType | MapType;

export interface StructType {
  readonly type: 'struct';
  readonly fields: readonly IcebergField[];
}

export interface ListType {
  readonly type: 'list';
  readonly 'element-id': number;
  readonly element: IcebergType;
  readonly 'element-required': boolean;
}

export interface MapType {
  readonly type: 'map';
  readonly 'key-id': number;
  readonly key: IcebergType;
  readonly 'value-id': number;
  readonly value: IcebergType;
  readonly 'value-required': boolean;
}

export interface IcebergField {
  /** Stable for ever; never used again. */
  readonly id: number;
  readonly name: string;
  readonly required: boolean;
  readonly type: IcebergType;
  readonly doc?: string;
}

export interface IcebergSchema extends StructType {
  readonly 'schema-id': number;
  /** Columns that together name a row. */
  readonly 'identifier-field-ids'?: readonly number[];
}

/** A primitive type taken apart. */
export type PrimitiveType =
  | { readonly kind: 'boolean' | 'int' | 'long' | 'float' | 'double' | 'date' | 'time' | 'string' | 'uuid' | 'binary' }
  | { readonly kind: 'timestamp' | 'timestamptz' }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'fixed'; readonly length: number };

const PLAIN = 'boolean int long float double date time timestamp timestamptz string uuid binary'.split(' ');

/** Parses a primitive type of format version 2. Throws `IcebergError` `unsupported`. */
export function parsePrimitive(type: IcebergType): PrimitiveType {
  if (typeof type === 'string') {
    if (PLAIN.includes(type)) return { kind: type } as PrimitiveType;
    const decimal = /^decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)$/.exec(type);
    if (decimal !== null) {
      const [precision, scale] = [Number(decimal[1]), Number(decimal[2])];
      if (precision >= 1 && precision <= 38 && scale <= precision) return { kind: 'decimal', precision, scale };
    }
    const fixed = /^fixed\[(\d+)\]$/.exec(type);
    if (fixed !== null) return { kind: 'fixed', length: Number(fixed[1]) };
  }
  const shown = typeof type === 'string' ? type : type.type;
  throw new IcebergError('unsupported', `Type ${shown}: expected a primitive type of Iceberg format version 2.`);
}

const TYPES: Readonly<Record<ColumnSpec['type'], string>> = {
  string: 'string',
  double: 'double',
  timestamp: 'timestamptz',
  int64: 'long',
  boolean: 'boolean',
  decimal: 'decimal(38, 18)',
};

/** The Iceberg schema of a table of columns, with the same field ids. */
export function schemaOf(table: TableSchema, schemaId = 0): IcebergSchema {
  const required = new Set(table.columns.filter(({ nullable }) => !nullable).map(({ name }) => name));
  const key = table.primaryKey.map((name) => table.columns.find((column) => column.name === name)!);
  // The specification allows neither optional nor floating columns in a key.
  const isKey = key.length > 0 && key.every(({ name, type }) => required.has(name) && type !== 'double');
  return {
    type: 'struct',
    'schema-id': schemaId,
    ...(isKey ? { 'identifier-field-ids': key.map(({ fieldId }) => fieldId) } : {}),
    fields: table.columns.map(({ fieldId, name, nullable, type, doc }) => ({
      id: fieldId,
      name,
      required: !nullable,
      type: TYPES[type],
      ...(doc === '' ? {} : { doc }),
    })),
  };
}

/** Every field of a schema by id, nested ones too. */
export function fieldsById(schema: StructType): ReadonlyMap<number, IcebergField> {
  const found = new Map<number, IcebergField>();
  const visit = (type: IcebergType): void => {
    if (typeof type === 'string') return;
    if (type.type === 'struct') {
      for (const field of type.fields) {
        found.set(field.id, field);
        visit(field.type);
      }
    } else if (type.type === 'list') {
      found.set(type['element-id'], {
        id: type['element-id'],
        name: 'element',
        required: type['element-required'],
        type: type.element,
      });
      visit(type.element);
    } else {
      found.set(type['key-id'], { id: type['key-id'], name: 'key', required: true, type: type.key });
      found.set(type['value-id'], {
        id: type['value-id'],
        name: 'value',
        required: type['value-required'],
        type: type.value,
      });
      visit(type.key);
      visit(type.value);
    }
  };
  visit(schema);
  return found;
}

/** The greatest field id of a schema; 0 for none. */
export function lastFieldId(schema: StructType): number {
  return Math.max(0, ...fieldsById(schema).keys());
}

/** Whether two schemas say the same but for their schema id. */
export function isSameSchema(left: IcebergSchema, right: IcebergSchema): boolean {
  const plain = ({ fields, 'identifier-field-ids': ids }: IcebergSchema): string =>
    JSON.stringify([fields.map(normalField), [...(ids ?? [])].sort((a, b) => a - b)]);
  return plain(left) === plain(right);
}

/** Members in one order: engines print them in orders of their own. */
function normalField(field: IcebergField): unknown {
  return [field.id, field.name, field.required, normalType(field.type), field.doc ?? ''];
}

function normalType(type: IcebergType): unknown {
  if (typeof type === 'string') return type.replace(/\s+/g, '');
  if (type.type === 'struct') return type.fields.map(normalField);
  if (type.type === 'list') return ['list', type['element-id'], normalType(type.element), type['element-required']];
  return [
    'map',
    type['key-id'],
    normalType(type.key),
    type['value-id'],
    normalType(type.value),
    type['value-required'],
  ];
}

const PROMOTIONS: readonly (readonly [string, string])[] = [
  ['int', 'long'],
  ['float', 'double'],
];

function isPromotion(from: IcebergType, to: IcebergType): boolean {
  if (typeof from !== 'string' || typeof to !== 'string')
    return JSON.stringify(normalType(from)) === JSON.stringify(normalType(to));
  if (normalType(from) === normalType(to)) return true;
  if (PROMOTIONS.some(([a, b]) => a === from && b === to)) return true;
  const [old, next] = [parsePrimitive(from), parsePrimitive(to)];
  return (
    old.kind === 'decimal' && next.kind === 'decimal' && old.scale === next.scale && old.precision <= next.precision
  );
}

/**
 * Checks that files written under `from` can be read under `to`: https://iceberg.apache.org/spec/#schema-evolution
 * A new column must be optional, an old one may become optional or wider, be renamed or go. Throws `IcebergError`
 * `invalid-change` that names the column.
 */
export function checkEvolution(from: IcebergSchema, to: IcebergSchema, lastColumnId: number): void {
  const old = fieldsById(from);
  const refuse = (name: string, why: string): IcebergError =>
    new IcebergError('invalid-change', `Column ${name}: ${why}; files that are in the table could not be read.`);
  for (const field of fieldsById(to).values()) {
    const before = old.get(field.id);
    if (before === undefined) {
      if (field.required) throw refuse(field.name, 'is new and required, expected an optional one');
      if (field.id <= lastColumnId)
        throw refuse(field.name, `is new with field id ${field.id}, but ids up to ${lastColumnId} have been used`);
    } else {
      if (field.required && !before.required) throw refuse(field.name, 'was optional and is to be required');
      if (!isPromotion(before.type, field.type))
        throw refuse(field.name, `changes from ${JSON.stringify(before.type)} to ${JSON.stringify(field.type)}`);
    }
  }
}
