import type { ColumnSpec, TableSchema } from '@schemahub/columns';
import type { ErrorObject } from 'ajv';
import { MappingError, type MappingErrorCode } from './errors.js';
import type { ColumnRule, Mapping, TextStep } from './mapping.js';
import { MAPPING_KEYS, type MappingText, shapeFaults, VALIDATION_KEYS, type ValidationText } from './mapping-schema.js';
import { applyRule, isRefusal } from './rule.js';
import { closestName } from './suggestion.js';
import { parseTransforms } from './transform-text.js';
import { parseYaml } from './yaml-document.js';

export interface LoadMappingOptions {
  /** The file the text comes from, for messages. */
  readonly file?: string | undefined;
  /** The tables a mapping may fill. Schemas of one name are variants: a column may stand in any of them. */
  readonly schemas: readonly TableSchema[];
}

/** A mapping where no problem was found, and all problems otherwise, by line, consequences last. */
export interface CheckedMapping {
  readonly mapping: Mapping | undefined;
  readonly problems: readonly MappingError[];
}

type Path = readonly (string | number)[];
type Report = (code: MappingErrorCode, path: Path, problem: string, suggestion?: string | undefined) => void;

/** Checks a mapping's text completely. Never throws for what the text holds. */
export async function checkMapping(text: string, options: LoadMappingOptions): Promise<CheckedMapping> {
  const { file } = options;
  const problems: MappingError[] = [];
  let document: Awaited<ReturnType<typeof parseYaml>>;
  try {
    document = await parseYaml(text, file);
  } catch (error) {
    if (error instanceof MappingError) return { mapping: undefined, problems: [error] };
    throw error;
  }
  const report: Report = (code, path, problem, suggestion) => {
    problems.push(new MappingError(problem, { code, file, line: document.lineOf(path), suggestion }));
  };
  const faults = await shapeFaults(document.value);
  for (const fault of faults) reportShape(fault, report);
  const mapping =
    faults.length === 0 ? checkMeaning(document.value as MappingText, options.schemas, report) : undefined;
  problems.sort(byCauseAndLine);
  return { mapping: problems.length === 0 ? mapping : undefined, problems };
}

/**
 * A checked, frozen mapping from what its YAML text says as a value. For a program's own mappings, whose text and shape
 * its tests check: neither YAML nor ajv is loaded, 20 ms and 30 ms of every run. Names and values are checked as in
 * `loadMapping`. Throws the first MappingError, which names no line.
 */
export function loadParsedMapping(value: unknown, { file, schemas }: LoadMappingOptions): Mapping {
  const problems: MappingError[] = [];
  const report: Report = (code, _path, problem, suggestion) => {
    problems.push(new MappingError(problem, { code, file, suggestion }));
  };
  const mapping = checkMeaning(value as MappingText, schemas, report);
  if (mapping === undefined || problems.length > 0) throw problems.sort(byCauseAndLine)[0]!;
  return mapping;
}

/** A column without a value is often only the consequence of a mistyped name, so it is told last. */
function byCauseAndLine(a: MappingError, b: MappingError): number {
  const isConsequence = (problem: MappingError): number => (problem.code === 'UNMAPPED_COLUMN' ? 1 : 0);
  return isConsequence(a) - isConsequence(b) || (a.line ?? 0) - (b.line ?? 0);
}

function reportShape(fault: ErrorObject, report: Report): void {
  const path = fault.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const where = path.length === 0 ? 'The mapping' : path.join('.');
  if (fault.keyword === 'additionalProperties') {
    const key = String(fault.params.additionalProperty);
    const known = path.length === 0 ? MAPPING_KEYS : VALIDATION_KEYS;
    report(
      'UNKNOWN_KEY',
      [...path, key],
      `${where} has an unknown key "${key}"; known are ${known.join(', ')}.`,
      closestName(key, known),
    );
    return;
  }
  const allowed = fault.keyword === 'enum' ? ` (${(fault.params.allowedValues as unknown[]).join(', ')})` : '';
  report('SHAPE', path, `${where} ${fault.message ?? 'is malformed'}${allowed}.`);
}

/** The columns that a table's variants offer, and those that every record must fill. */
interface Target {
  readonly name: string;
  readonly columns: ReadonlyMap<string, ColumnSpec>;
  readonly idColumn: string;
}

function checkMeaning(text: MappingText, schemas: readonly TableSchema[], report: Report): Mapping | undefined {
  const variants = schemas.filter((schema) => schema.name === text.target_table);
  const first = variants[0];
  if (first === undefined) {
    const names = [...new Set(schemas.map((schema) => schema.name))];
    const problem = `target_table is "${text.target_table}", which does not exist; known are ${names.join(', ')}.`;
    report('UNKNOWN_TABLE', ['target_table'], problem, closestName(text.target_table, names));
    return undefined;
  }
  const columns = new Map(variants.flatMap((schema) => schema.columns.map((column) => [column.name, column] as const)));
  const target: Target = { name: first.name, columns, idColumn: first.primaryKey.at(-1)! };
  const idKind = text.id_kind ?? 'decimal';
  const sources = columnSources(text, target, report);
  const transforms = transformsByColumn(text, target, sources, report);
  const rules = [...sources.values()].map((source) => buildRule(source, { text, target, transforms, idKind, report }));
  for (const column of columns.values()) {
    if (!column.nullable && !sources.has(column.name)) {
      report(
        'UNMAPPED_COLUMN',
        ['mappings'],
        `Column ${column.name} of ${target.name} needs a value, but neither mappings nor constants give one.`,
      );
    }
  }
  checkValidationKeys(text, target, sources, report);
  checkIdRule(
    rules.find((rule) => rule.column === target.idColumn),
    idKind,
    report,
  );
  rules.sort((a, b) => (a.column < b.column ? -1 : 1));
  return deepFreeze({
    version: 1,
    source: text.source,
    targetTable: target.name,
    idColumn: target.idColumn,
    idKind,
    rules,
  });
}

/** Where one column's value comes from, and where the mapping says so. */
interface ColumnSource {
  readonly spec: ColumnSpec;
  readonly field: string | null;
  readonly constant: string | null;
  readonly path: Path;
  /** For a column of `decimals`: the column whose text it keeps exactly. */
  readonly twinOf: string | null;
}

function columnSources(text: MappingText, target: Target, report: Report): Map<string, ColumnSource> {
  const sources = new Map<string, ColumnSource>();
  const add = (name: string, path: Path, source: Pick<ColumnSource, 'field' | 'constant' | 'twinOf'>): void => {
    const spec = target.columns.get(name);
    if (spec === undefined) {
      const known = [...target.columns.keys()];
      report(
        'UNKNOWN_COLUMN',
        path,
        `${target.name} has no column "${name}"; it has ${known.join(', ')}.`,
        closestName(name, known),
      );
    } else if (sources.has(name)) {
      report('CONFLICT', path, `Column ${name} is filled twice; give it one field or one constant.`);
    } else {
      sources.set(name, { spec, path, ...source });
    }
  };
  for (const [field, columns] of Object.entries(text.mappings)) {
    for (const name of typeof columns === 'string' ? [columns] : columns) {
      add(name, ['mappings', field], { field, constant: null, twinOf: null });
    }
  }
  for (const [name, value] of Object.entries(text.constants ?? {})) {
    add(name, ['constants', name], { field: null, constant: String(value), twinOf: null });
  }
  for (const [name, twin] of Object.entries(text.decimals ?? {})) {
    const path = ['decimals', name];
    const field = sources.get(twin)?.field;
    if (field === undefined || field === null) {
      report(
        'UNKNOWN_COLUMN',
        path,
        `decimals.${name} names "${twin}", which is no mapped column.`,
        closestName(twin, sources.keys()),
      );
      continue;
    }
    add(name, path, { field, constant: null, twinOf: twin });
    const spec = sources.get(name)?.spec;
    if (spec !== undefined && (spec.type !== 'decimal' || !spec.nullable)) {
      report('WRONG_TRANSFORM', path, `decimals.${name}: the column must be a nullable decimal; it is a ${spec.type}.`);
    }
  }
  return sources;
}

interface WrittenTransform {
  readonly written: unknown;
  readonly path: Path;
}

/** A key names a column or, where no column has that name, a source field with all its columns. */
function transformsByColumn(
  text: MappingText,
  target: Target,
  sources: ReadonlyMap<string, ColumnSource>,
  report: Report,
): Map<string, WrittenTransform> {
  const transforms = new Map<string, WrittenTransform>();
  for (const [key, written] of Object.entries(text.transforms ?? {})) {
    const path = ['transforms', key];
    const ofField = [...sources.values()].filter((source) => source.field === key && source.twinOf === null);
    const columns = sources.has(key) ? [key] : ofField.map((source) => source.spec.name);
    if (columns.length === 0) {
      const code = target.columns.has(key) ? 'UNKNOWN_COLUMN' : 'UNKNOWN_FIELD';
      const known = [...sources.keys(), ...Object.keys(text.mappings)];
      report(
        code,
        path,
        `transforms names "${key}", which is neither a mapped column nor a mapped field.`,
        closestName(key, known),
      );
    }
    for (const column of columns) {
      if (transforms.has(column)) {
        report(
          'CONFLICT',
          path,
          `Column ${column} has transforms twice, by its own name and by its field's; join them in one list.`,
        );
      }
      transforms.set(column, { written, path });
    }
  }
  return transforms;
}

interface RuleContext {
  readonly text: MappingText;
  readonly target: Target;
  readonly transforms: ReadonlyMap<string, WrittenTransform>;
  readonly idKind: 'decimal' | 'text';
  readonly report: Report;
}

function buildRule(source: ColumnSource, context: RuleContext): ColumnRule {
  const { text, target, report } = context;
  const { name, type, nullable } = source.spec;
  const transform = context.transforms.get(source.twinOf ?? name);
  // A decimal keeps the text that its twin saw, so it shares the twin's text steps but not its conversion.
  const parsed = parseTransforms(
    transform?.written ?? [],
    source.twinOf === null ? type : target.columns.get(source.twinOf)!.type,
  );
  const steps: TextStep[] = [];
  let conversion: ColumnRule['conversion'] = 'string';
  if ('problem' in parsed)
    report(parsed.code, transform?.path ?? source.path, `Column ${name} ${parsed.problem}.`, parsed.suggestion);
  else {
    steps.push(...parsed.steps);
    conversion = source.twinOf === null ? parsed.conversion : 'decimal';
  }
  if (name === 'symbol' && text.symbol_map !== undefined)
    steps.push({ kind: 'replace', values: { ...text.symbol_map } });
  if (name === target.idColumn) conversion = context.idKind === 'decimal' ? 'decimal_id' : 'text_id';
  const validation = checkValidation(source, text.validation?.[name] ?? {}, nullable, report);
  const rule: ColumnRule = {
    column: name,
    field: source.field,
    constant: source.constant,
    steps,
    conversion,
    optional: source.twinOf !== null,
    ...validation,
  };
  if (source.constant !== null && !('problem' in parsed)) {
    const value = applyRule(rule, undefined, { inexactDecimals: 0, decimalOverflows: 0 });
    if (isRefusal(value)) report('INVALID_VALUE', source.path, `The constant of ${value.refused}.`);
  }
  return rule;
}

function checkValidation(
  source: ColumnSource,
  validation: ValidationText,
  nullable: boolean,
  report: Report,
): Pick<ColumnRule, 'required' | 'minimum' | 'exclusive' | 'allowed'> {
  const { name, type } = source.spec;
  const path = ['validation', name];
  if (validation.required === false && !nullable) {
    report(
      'INVALID_VALUE',
      [...path, 'required'],
      `Column ${name} can hold no null, so it cannot be optional; give its field a default.`,
    );
  }
  if (validation.minimum !== undefined && !['double', 'int64', 'decimal'].includes(type)) {
    report('INVALID_VALUE', [...path, 'minimum'], `Column ${name} is a ${type} column; minimum is for numbers.`);
  }
  if (validation.exclusive !== undefined && validation.minimum === undefined) {
    report('INVALID_VALUE', [...path, 'exclusive'], `validation.${name} has exclusive without a minimum; add minimum.`);
  }
  if (validation.enum !== undefined && type !== 'string') {
    report('INVALID_VALUE', [...path, 'enum'], `Column ${name} is a ${type} column; enum is for texts.`);
  }
  return {
    required: validation.required ?? !nullable,
    minimum: validation.minimum ?? null,
    exclusive: validation.exclusive ?? false,
    allowed: validation.enum === undefined ? null : [...new Set(validation.enum.map(String))].sort(),
  };
}

function checkValidationKeys(
  text: MappingText,
  target: Target,
  sources: ReadonlyMap<string, ColumnSource>,
  report: Report,
): void {
  for (const key of Object.keys(text.validation ?? {})) {
    if (sources.has(key)) continue;
    const known = [...sources.keys()];
    const problem = target.columns.has(key) ? 'which the mapping does not fill' : `which ${target.name} lacks`;
    report(
      'UNKNOWN_COLUMN',
      ['validation', key],
      `validation names column "${key}", ${problem}.`,
      closestName(key, known),
    );
  }
  if (text.symbol_map !== undefined && !sources.has('symbol')) {
    report('UNKNOWN_COLUMN', ['symbol_map'], 'symbol_map needs a mapped column named symbol.');
  }
}

/** An id is what the venue wrote: invented, shared or rewritten ids would make two trades one. */
function checkIdRule(rule: ColumnRule | undefined, idKind: 'decimal' | 'text', report: Report): void {
  if (rule === undefined) return;
  if (rule.field === null)
    report(
      'WRONG_TRANSFORM',
      ['constants', rule.column],
      `${rule.column} identifies a record, so it cannot be a constant.`,
    );
  const forbidden = idKind === 'decimal' ? rule.steps : rule.steps.filter((step) => step.kind === 'default');
  if (forbidden.length > 0) {
    report(
      'WRONG_TRANSFORM',
      ['transforms', rule.column],
      `${rule.column} identifies a record, so ${forbidden[0]!.kind} cannot be applied to it.`,
    );
  }
  if (rule.allowed !== null || rule.minimum !== null) {
    report(
      'INVALID_VALUE',
      ['validation', rule.column],
      `${rule.column} identifies a record; only required can be asked of it.`,
    );
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
