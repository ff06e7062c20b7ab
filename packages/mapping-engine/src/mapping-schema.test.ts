import { Ajv } from 'ajv';
import { expect, it } from 'vitest';
import { mappingSchema, SHAPE_OPTIONS } from './mapping-schema.js';

it('the schema of mappings is a schema', () => {
  const ajv = new Ajv(SHAPE_OPTIONS);
  expect(ajv.validateSchema(mappingSchema()), ajv.errorsText()).toBe(true);
});
