import { type CellValue, cellAt, type TableSchema } from '@schemahub/columns';
import { MappingError } from './errors.js';
import { createInterpreter, type Interpretation } from './interpreter.js';
import type { Mapping } from './mapping.js';
import { createScanner } from './scanner.js';
import { microsFromIso8601 } from './timestamps.js';
import { parseYaml } from './yaml-document.js';

/** A record and what the mapping must make of it. Exactly one of `row`, `refused`, `damaged` is given. */
export interface MappingFixture {
  readonly name: string;
  /** One raw line, as it stands in a raw object. */
  readonly record: string;
  /** Columns that are compared; the others may be anything. A timestamp may be an ISO 8601 text. */
  readonly row?: Readonly<Record<string, CellValue>> | undefined;
  /** A part of the reason for which the record is refused. */
  readonly refused?: string | undefined;
  /** A part of the reason for which the line is damage. */
  readonly damaged?: string | undefined;
}

export interface FixtureResult {
  readonly name: string;
  readonly passed: boolean;
  /** What differs, in words; empty where it passed. */
  readonly problems: readonly string[];
}

const OUTCOMES = ['row', 'refused', 'damaged'] as const;

/** Reads fixtures from YAML: `fixtures:`, a list of {name, record, row | refused | damaged}. Throws MappingError with the line. */
export async function parseFixtures(text: string, file?: string): Promise<readonly MappingFixture[]> {
  const document = await parseYaml(text, file);
  const list = (document.value as { readonly fixtures?: unknown } | null)?.fixtures;
  const fail = (path: readonly (string | number)[], problem: string): never => {
    throw new MappingError(problem, { code: 'SHAPE', file, line: document.lineOf(path) });
  };
  if (!Array.isArray(list))
    return fail([], 'expected fixtures: followed by a list of {name, record, row | refused | damaged}.');
  return list.map((item: unknown, index) => {
    const fixture = (typeof item === 'object' && item !== null ? item : {}) as Record<string, unknown>;
    const outcomes = OUTCOMES.filter((outcome) => fixture[outcome] !== undefined);
    if (typeof fixture.name !== 'string' || typeof fixture.record !== 'string' || outcomes.length !== 1) {
      return fail(
        ['fixtures', index],
        'a fixture needs a name, a record (text) and exactly one of row, refused and damaged.',
      );
    }
    return fixture as unknown as MappingFixture;
  });
}

/** Runs every fixture through the interpreter and the scanner; both must give what it expects. */
export function testMapping(
  mapping: Mapping,
  fixtures: readonly MappingFixture[],
  schema: TableSchema,
): readonly FixtureResult[] {
  const interpret = createInterpreter(mapping, schema);
  return fixtures.map((fixture) => {
    const line = new TextEncoder().encode(fixture.record);
    const problems = [
      ...compare(fixture, interpret(line), schema),
      ...compare(fixture, scanOnce(mapping, schema, line), schema).map((problem) => `scanner: ${problem}`),
    ];
    return { name: fixture.name, passed: problems.length === 0, problems };
  });
}

/** The line twice, so that the second one meets the shape learned from the first; the second one's outcome. */
function scanOnce(mapping: Mapping, schema: TableSchema, line: Uint8Array): Interpretation {
  const scanner = createScanner({ mapping, schema, capacity: 2 });
  scanner.begin('fixture');
  for (let copy = 0; copy < 2; copy += 1) {
    scanner.feed(line);
    scanner.feed(Uint8Array.of(10));
  }
  scanner.end();
  const { refused, damaged } = scanner.report();
  if (damaged[1] !== undefined) return { kind: 'damaged', reason: damaged[1].reason };
  if (refused[1] !== undefined) return { kind: 'refused', reason: refused[1].reason, id: refused[1].id };
  const batch = scanner.take();
  if (batch.rows !== 2) return { kind: 'damaged', reason: 'the record is an empty line' };
  return {
    kind: 'row',
    values: batch.columns.map((column) => cellAt(column, 1)),
    id: '',
    inexactDecimals: 0,
    decimalOverflows: 0,
  };
}

function compare(fixture: MappingFixture, result: Interpretation, schema: TableSchema): string[] {
  const expected = OUTCOMES.find((outcome) => fixture[outcome] !== undefined)!;
  const outcome =
    result.kind === 'row'
      ? 'gave a row'
      : `${result.kind === 'refused' ? 'was refused' : 'is damage'}: ${result.reason}`;
  if (result.kind !== expected) return [`expected ${expected}, but the record ${outcome}`];
  if (result.kind !== 'row') {
    const part = fixture[result.kind]!;
    return result.reason.includes(part) ? [] : [`expected a reason with "${part}", but it ${outcome}`];
  }
  return Object.entries(fixture.row!).flatMap(([name, value]) => {
    const index = schema.columns.findIndex((column) => column.name === name);
    if (index < 0) return [`${schema.name} has no column ${name}`];
    const wanted =
      schema.columns[index]!.type === 'timestamp' && typeof value === 'string' ? microsFromIso8601(value) : value;
    const actual = result.values[index]!;
    return Object.is(actual, wanted)
      ? []
      : [`${name}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(actual)}`];
  });
}
