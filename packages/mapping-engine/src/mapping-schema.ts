import type { ErrorObject, ValidateFunction } from 'ajv';

/** A mapping as it is written; only its shape is checked, names and values are judged later. */
export interface MappingText {
  readonly version?: number | string;
  readonly source: string;
  readonly target_table: string;
  readonly id_kind?: 'decimal' | 'text';
  readonly mappings: Readonly<Record<string, string | readonly string[]>>;
  readonly constants?: Readonly<Record<string, string | number | boolean>>;
  readonly transforms?: Readonly<Record<string, unknown>>;
  readonly validation?: Readonly<Record<string, ValidationText>>;
  readonly symbol_map?: Readonly<Record<string, string>>;
  readonly decimals?: Readonly<Record<string, string>>;
}

export interface ValidationText {
  readonly required?: boolean;
  readonly minimum?: number;
  readonly exclusive?: boolean;
  readonly enum?: readonly (string | number | boolean)[];
}

const NAME = { type: 'string', minLength: 1 };

const MAPPING_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  required: ['source', 'target_table', 'mappings'],
  properties: {
    version: { enum: [1, '1', '1.0'] },
    source: NAME,
    target_table: NAME,
    id_kind: { enum: ['decimal', 'text'] },
    mappings: {
      type: 'object',
      minProperties: 1,
      additionalProperties: { type: ['string', 'array'], minLength: 1, items: NAME, minItems: 1 },
    },
    constants: { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean'] } },
    transforms: { type: 'object' },
    validation: {
      type: 'object',
      additionalProperties: {
        type: 'object',
        additionalProperties: false,
        properties: {
          required: { type: 'boolean' },
          minimum: { type: 'number' },
          exclusive: { type: 'boolean' },
          enum: { type: 'array', minItems: 1, items: { type: ['string', 'number', 'boolean'] } },
        },
      },
    },
    symbol_map: { type: 'object', additionalProperties: NAME },
    decimals: { type: 'object', additionalProperties: NAME },
  },
} as const;

/** The keys a mapping may have at its top. */
export const MAPPING_KEYS: readonly string[] = Object.keys(MAPPING_SCHEMA.properties);
/** The keys of one column's validation. */
export const VALIDATION_KEYS: readonly string[] = Object.keys(
  MAPPING_SCHEMA.properties.validation.additionalProperties.properties,
);

let compiled: Promise<ValidateFunction> | undefined;

/** As strict as ajv can be. */
export const SHAPE_OPTIONS = { allErrors: true, allowUnionTypes: true, strict: true, strictTypes: false } as const;

/**
 * Every fault of shape; none means that the value is a MappingText. ajv is loaded on first use: it costs 30 ms. That our
 * own schema is one is a test's business: to compile the schema of schemas would cost another 25 ms in every run.
 */
export async function shapeFaults(value: unknown): Promise<readonly ErrorObject[]> {
  compiled ??= import('ajv').then(({ default: { Ajv } }) =>
    new Ajv({ ...SHAPE_OPTIONS, meta: false, validateSchema: false }).compile(MAPPING_SCHEMA),
  );
  const validate = await compiled;
  return validate(value) ? [] : (validate.errors ?? []);
}

/** For a test of the schema itself. */
export function mappingSchema(): object {
  return MAPPING_SCHEMA;
}
