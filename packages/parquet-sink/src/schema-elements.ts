import type { ColumnSpec, TableSchema } from '@schemahub/columns';
import type { SchemaElement } from 'hyparquet';
import { DECIMAL_BYTES, DECIMAL_PRECISION, DECIMAL_SCALE } from './limits.js';

/** The physical and logical Parquet type of each column type. Converted types stay for readers that know no other. */
const PHYSICAL: Record<ColumnSpec['type'], Omit<SchemaElement, 'name'>> = {
  string: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
  double: { type: 'DOUBLE' },
  timestamp: {
    type: 'INT64',
    converted_type: 'TIMESTAMP_MICROS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
  },
  int64: { type: 'INT64' },
  boolean: { type: 'BOOLEAN' },
  decimal: {
    type: 'FIXED_LEN_BYTE_ARRAY',
    type_length: DECIMAL_BYTES,
    converted_type: 'DECIMAL',
    scale: DECIMAL_SCALE,
    precision: DECIMAL_PRECISION,
    logical_type: { type: 'DECIMAL', scale: DECIMAL_SCALE, precision: DECIMAL_PRECISION },
  },
};

/** The root and one leaf a column. */
export function schemaElements(schema: TableSchema): SchemaElement[] {
  return [
    { name: schema.name, num_children: schema.columns.length },
    ...schema.columns.map(
      (column): SchemaElement => ({
        ...PHYSICAL[column.type],
        name: column.name,
        repetition_type: column.nullable ? 'OPTIONAL' : 'REQUIRED',
        field_id: column.fieldId,
      }),
    ),
  ];
}
