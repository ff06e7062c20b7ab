/** Avro schemas as far as Iceberg's metadata uses them: https://avro.apache.org/docs/1.12.0/specification/ */
export type AvroSchema = AvroPrimitive | AvroType | readonly AvroSchema[];

export type AvroPrimitive = 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string';

export interface AvroField {
  readonly name: string;
  readonly type: AvroSchema;
  readonly default?: unknown;
  readonly doc?: string;
  /** Iceberg's own: https://iceberg.apache.org/spec/#avro */
  readonly 'field-id'?: number;
}

export type AvroType =
  | { readonly type: 'record'; readonly name: string; readonly fields: readonly AvroField[] }
  | {
      readonly type: 'array';
      readonly items: AvroSchema;
      readonly logicalType?: string;
      readonly 'element-id'?: number;
    }
  | { readonly type: 'map'; readonly values: AvroSchema; readonly 'key-id'?: number; readonly 'value-id'?: number }
  | {
      readonly type: 'fixed';
      readonly name: string;
      readonly size: number;
      readonly logicalType?: string;
      readonly precision?: number;
      readonly scale?: number;
    }
  | { readonly type: 'enum'; readonly name: string; readonly symbols: readonly string[] }
  | {
      readonly type: AvroPrimitive;
      readonly logicalType?: string;
      readonly 'adjust-to-utc'?: boolean;
      readonly precision?: number;
      readonly scale?: number;
    };

/**
 * A value as the codec takes and gives it: `long` is read as bigint, `bytes` and `fixed` as Uint8Array, an enum as its
 * symbol, an optional value (union with null) as null or the value.
 */
export type AvroValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly AvroValue[]
  | { readonly [name: string]: AvroValue | undefined };

export type AvroRecord = { readonly [name: string]: AvroValue | undefined };

/** `optional('long')` is the union that Iceberg writes for an optional field. */
export function optional(type: AvroSchema): AvroSchema {
  return ['null', type];
}

/** The declarative form, whatever short form the schema was written in. */
export function typeOf(schema: AvroSchema): AvroType | undefined {
  if (Array.isArray(schema)) return undefined;
  return typeof schema === 'string' ? { type: schema as AvroPrimitive } : (schema as AvroType);
}

/**
 * The writer's schema with the reader's names: fields are matched by field id, as Iceberg asks, and by name where the
 * writer wrote none. Fields that the reader does not know keep their name.
 */
export function withNamesOf(writer: AvroSchema, reader: AvroSchema | undefined): AvroSchema {
  if (reader === undefined) return writer;
  if (Array.isArray(writer)) {
    const wanted = Array.isArray(reader) ? (reader as readonly AvroSchema[]) : [reader];
    return (writer as readonly AvroSchema[]).map((branch) =>
      branch === 'null' ? branch : withNamesOf(branch, wanted.find((other) => other !== 'null') as AvroSchema),
    );
  }
  const wanted = Array.isArray(reader)
    ? (reader as readonly AvroSchema[]).find((other) => other !== 'null')
    : (reader as AvroSchema);
  const own = typeOf(writer);
  const other = wanted === undefined ? undefined : typeOf(wanted);
  if (own?.type === 'array' && other?.type === 'array') return { ...own, items: withNamesOf(own.items, other.items) };
  if (own?.type !== 'record' || other?.type !== 'record') return writer;
  return {
    ...own,
    fields: own.fields.map((field) => {
      const match = other.fields.find((known) =>
        field['field-id'] === undefined ? known.name === field.name : known['field-id'] === field['field-id'],
      );
      return match === undefined ? field : { ...field, name: match.name, type: withNamesOf(field.type, match.type) };
    }),
  };
}
