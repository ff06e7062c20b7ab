import type { ColumnType } from '@schemahub/columns';
import type { Conversion, TextStep } from './mapping.js';
import { closestName } from './suggestion.js';

/** What the transforms written for a column amount to, or what is wrong with one of them. */
export type ParsedTransforms =
  | { readonly steps: readonly TextStep[]; readonly conversion: Conversion }
  | {
      readonly problem: string;
      readonly code: 'UNKNOWN_TRANSFORM' | 'WRONG_TRANSFORM';
      readonly suggestion?: string | undefined;
    };

const TIME_TRANSFORMS = ['iso8601', 'from_s', 'from_ms', 'from_us', 'from_ns', 'from_epoch'] as const;
const PLAIN_STEPS = ['upper', 'lower', 'maker_to_taker'] as const;

/** Every transform a mapping may name. */
const TRANSFORM_NAMES: readonly string[] = [
  ...TIME_TRANSFORMS,
  'to_double',
  'to_string',
  ...PLAIN_STEPS,
  'enum',
  'default',
];

/** The conversion of a column without a transform of its own: times are expected as ISO 8601. */
const PLAIN_CONVERSION: Record<ColumnType, Conversion> = {
  string: 'string',
  double: 'double',
  timestamp: 'iso8601',
  int64: 'int64',
  boolean: 'boolean',
  decimal: 'decimal',
};

/** Reads the transforms of one column: one or a list; text steps first, at most one conversion, last. */
export function parseTransforms(written: unknown, type: ColumnType): ParsedTransforms {
  const steps: TextStep[] = [];
  let conversion: Conversion | undefined;
  for (const item of Array.isArray(written) ? written : [written]) {
    if (conversion !== undefined) {
      return wrong(`has a transform after ${conversion}, which must be the last`);
    }
    const parsed = typeof item === 'string' ? parseNamed(item, type) : parseObject(item);
    if ('problem' in parsed) return parsed;
    if ('step' in parsed) steps.push(parsed.step);
    else conversion = parsed.conversion;
  }
  return { steps, conversion: conversion ?? PLAIN_CONVERSION[type] };
}

type ParsedTransform =
  | { readonly step: TextStep }
  | { readonly conversion: Conversion }
  | Extract<ParsedTransforms, { problem: string }>;

function parseNamed(name: string, type: ColumnType): ParsedTransform {
  if ((PLAIN_STEPS as readonly string[]).includes(name))
    return { step: { kind: name as (typeof PLAIN_STEPS)[number] } };
  if (name === 'to_string')
    return type === 'string' ? { conversion: 'string' } : wrong(`is a ${type} column, which to_string cannot fill`);
  if (name === 'to_double')
    return type === 'double' ? { conversion: 'double' } : wrong(`is a ${type} column, which to_double cannot fill`);
  if ((TIME_TRANSFORMS as readonly string[]).includes(name)) {
    return type === 'timestamp'
      ? { conversion: name as Conversion }
      : wrong(`is a ${type} column, which ${name} cannot fill`);
  }
  if (name === 'enum' || name === 'default') return wrong(`has ${name} without its values; write {${name}: …}`);
  return unknown(name);
}

function parseObject(item: unknown): ParsedTransform {
  const entries = typeof item === 'object' && item !== null && !Array.isArray(item) ? Object.entries(item) : [];
  const entry = entries[0];
  if (entry === undefined || entries.length !== 1) {
    return wrong(
      'has a transform that is neither a name nor {enum: {…}} nor {default: …}; several transforms are a list',
    );
  }
  const [name, value] = entry;
  if (name === 'default') {
    return isScalar(value)
      ? { step: { kind: 'default', value: String(value) } }
      : wrong('has a default that is no text, number or boolean');
  }
  if (name === 'enum') return parseEnum(value);
  return TRANSFORM_NAMES.includes(name) ? wrong(`gives ${name} a value, which takes none`) : unknown(name);
}

function parseEnum(value: unknown): ParsedTransform {
  const entries = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  if (entries.length === 0 || !entries.every(([, to]) => isScalar(to))) {
    return wrong('has an enum that does not map texts to texts; write {enum: {b: BUY, s: SELL}}');
  }
  return { step: { kind: 'enum', values: Object.fromEntries(entries.map(([from, to]) => [from, String(to)])) } };
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function wrong(problem: string): Extract<ParsedTransforms, { problem: string }> {
  return { problem, code: 'WRONG_TRANSFORM' };
}

function unknown(name: string): Extract<ParsedTransforms, { problem: string }> {
  return {
    problem: `has an unknown transform "${name}"; known are ${TRANSFORM_NAMES.join(', ')}`,
    code: 'UNKNOWN_TRANSFORM',
    suggestion: closestName(name, TRANSFORM_NAMES),
  };
}
