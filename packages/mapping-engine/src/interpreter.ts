import type { CellValue, TableSchema } from '@schemahub/columns';
import { MappingError } from './errors.js';
import { parseJsonRecord, type RawFields } from './json-record.js';
import type { ColumnRule, Mapping } from './mapping.js';
import { applyRule, type DigitLoss, isRefusal } from './rule.js';

/** What a mapping makes of one line. */
export type Interpretation =
  | {
      readonly kind: 'row';
      /** `values[i]` belongs to `schema.columns[i]`, as `cellAt` reads it: ids and decimals as text, timestamps as µs. */
      readonly values: readonly CellValue[];
      readonly id: number | string;
      /** Decimal texts that their DOUBLE does not give back. */
      readonly inexactDecimals: number;
      /** Decimal texts beyond DECIMAL(38,18), held as null. */
      readonly decimalOverflows: number;
    }
  | { readonly kind: 'refused'; readonly reason: string; readonly id: number | string }
  | { readonly kind: 'damaged'; readonly reason: string };

/** Interprets one line (without its line end). Never throws for what the line holds. */
export type Interpreter = (line: Uint8Array) => Interpretation;

/** An interpretation with the raw fields of the line; undefined where it is no JSON object. */
export interface InterpretedLine {
  readonly result: Interpretation;
  readonly fields: RawFields | undefined;
}

/**
 * The plain reading of a mapping, one object a record: what the scanner must agree with, and its way out for unusual
 * lines. Throws MappingError SCHEMA_MISMATCH for another table's schema.
 */
export function createInterpreter(mapping: Mapping, schema: TableSchema): Interpreter {
  const interpret = createLineInterpreter(mapping, schema);
  return (line) => interpret(line).result;
}

/** The rule of each column of a schema, undefined for a column that stays null. Throws MappingError SCHEMA_MISMATCH. */
export function rulesBySchema(mapping: Mapping, schema: TableSchema): readonly (ColumnRule | undefined)[] {
  const mismatch = (problem: string): MappingError => new MappingError(problem, { code: 'SCHEMA_MISMATCH' });
  if (schema.name !== mapping.targetTable) {
    throw mismatch(
      `The mapping of ${mapping.source} fills ${mapping.targetTable}, but the schema given is ${schema.name}; give the schema of ${mapping.targetTable}.`,
    );
  }
  const rules = new Map(mapping.rules.map((rule) => [rule.column, rule]));
  const known = new Set(schema.columns.map((column) => column.name));
  for (const rule of mapping.rules) {
    if (!known.has(rule.column) && !rule.optional) {
      throw mismatch(
        `The mapping of ${mapping.source} fills column ${rule.column}, which the schema given lacks; load the mapping with this schema.`,
      );
    }
  }
  return schema.columns.map((column) => {
    const rule = rules.get(column.name);
    if (rule === undefined && !column.nullable) {
      throw mismatch(
        `The mapping of ${mapping.source} leaves column ${column.name} empty, which the schema given requires; load the mapping with this schema.`,
      );
    }
    return rule;
  });
}

export function createLineInterpreter(mapping: Mapping, schema: TableSchema): (line: Uint8Array) => InterpretedLine {
  const rules = rulesBySchema(mapping, schema);
  const idAt = schema.columns.findIndex((column) => column.name === mapping.idColumn);
  const idRule = rules[idAt]!;
  const idIsText = schema.columns[idAt]!.type === 'string';
  return (line) => {
    const fields = parseJsonRecord(line);
    if (typeof fields === 'string')
      return { result: { kind: 'damaged', reason: `the line ${fields}` }, fields: undefined };
    const loss: DigitLoss = { inexactDecimals: 0, decimalOverflows: 0 };
    const id = applyRule(idRule, fields.get(idRule.field!), loss);
    if (isRefusal(id)) return { result: { kind: 'damaged', reason: `the record has no id: ${id.refused}` }, fields };
    const values: CellValue[] = [];
    for (let at = 0; at < rules.length; at += 1) {
      const rule = rules[at];
      if (rule === undefined) values.push(null);
      else if (at === idAt) values.push(idIsText ? String(id) : id);
      else {
        const value = applyRule(rule, rule.field === null ? undefined : fields.get(rule.field), loss);
        if (isRefusal(value))
          return { result: { kind: 'refused', reason: value.refused, id: id as number | string }, fields };
        values.push(value);
      }
    }
    return { result: { kind: 'row', values, id: id as number | string, ...loss }, fields };
  };
}
