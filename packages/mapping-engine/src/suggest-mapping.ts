import type { TableSchema } from '@schemahub/columns';
import { parseJsonRecord, type RawFields } from './json-record.js';
import { RAW_LAYER_FIELDS } from './mapping.js';
import { NESTED } from './rule.js';
import { microsFromIso8601 } from './timestamps.js';

export interface SuggestMappingOptions {
  /** Raw lines of the source; a hundred are plenty. */
  readonly sampleLines: readonly (Uint8Array | string)[];
  /** The raw table's name, `raw_kraken_trades`. */
  readonly source: string;
  /** The table to fill. */
  readonly schema: TableSchema;
}

/** Field names by which venues call a column, the likeliest first; a column's own name always counts. */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  symbol: ['_symbol', 'product_id', 'pair', 'market'],
  trade_id: ['id', 'tid', 't', 'a'],
  side: ['taker_side', 'isBuyerMaker', 'm', 'type'],
  price: ['p', 'rate'],
  quantity: ['size', 'qty', 'q', 'amount', 'volume', 'vol'],
  trade_ts: ['time', 'timestamp', 'ts', 'T', 'date', 'datetime', 'created_at'],
  ingest_ts: ['_source_ingest_ts'],
};

/**
 * A YAML draft for raw lines: by field names and the look of values. It says what it guessed; whose side `side` is cannot
 * be seen in data and has to be looked up. Lines that are no JSON objects are passed over.
 */
export function suggestMapping(options: SuggestMappingOptions): string {
  const { source, schema } = options;
  const encoder = new TextEncoder();
  const records = options.sampleLines
    .map((line) => parseJsonRecord(typeof line === 'string' ? encoder.encode(line) : line))
    .filter((fields): fields is RawFields => typeof fields !== 'string');
  const fields = [...new Set(records.flatMap((record) => [...record.keys()]))];
  const mappings: string[] = [];
  const transforms: string[] = [];
  const validation: string[] = [];
  const constants: string[] = [];
  const open: string[] = [];
  const used = new Set<string>();
  for (const { name, type, nullable } of schema.columns) {
    const field = [name, ...(ALIASES[name] ?? [])].find((alias) => fields.includes(alias) && !used.has(alias));
    if (field !== undefined) {
      used.add(field);
      mappings.push(`  ${quoted(field)}: ${name}`);
      transforms.push(...transformLines(name, type, valuesOf(records, field)));
      if (type === 'double') validation.push(`  ${name}: { minimum: 0, exclusive: true }`);
      if (name === 'side') validation.push('  side: { enum: [BUY, SELL] }');
    } else if (name === 'exchange') constants.push(`  exchange: ${exchangeOf(records, source)}`);
    else if (!nullable) open.push(`# No field looks like ${name} (${type}); map one or give a constant.`);
  }
  const left = fields.filter((field) => !used.has(field) && !RAW_LAYER_FIELDS.includes(field));
  if (left.length > 0) open.push(`# Not mapped: ${left.map(quoted).join(', ')}`);
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : [`${title}:`, ...lines, ''];
  return [
    `# A draft from ${records.length} records; check every line, and run it against fixtures.`,
    ...open,
    'version: 1',
    `source: ${quoted(source)}`,
    `target_table: ${schema.name}`,
    '',
    ...section('mappings', mappings),
    ...section('constants', constants),
    ...section('transforms', transforms),
    ...section('validation', validation),
  ].join('\n');
}

function valuesOf(records: readonly RawFields[], field: string): string[] {
  return records
    .map((record) => record.get(field))
    .filter((value): value is string => typeof value === 'string' && (value as unknown) !== NESTED);
}

function transformLines(name: string, type: string, values: readonly string[]): string[] {
  if (type === 'timestamp') return [`  ${name}: ${timeTransform(values)}`];
  if (name !== 'side') return [];
  const sides = [...new Set(values)].sort();
  const question = "  # Check whose side the venue reports. The table holds the taker's.";
  if (sides.every((side) => side === 'true' || side === 'false')) {
    return [
      question,
      '  # Taken as "the buyer is the maker", so that true means the taker sold.',
      '  side: { enum: { "true": SELL, "false": BUY } }',
    ];
  }
  if (sides.every((side) => side === 'b' || side === 's')) return [question, '  side: { enum: { b: BUY, s: SELL } }'];
  return [
    question,
    "  # Taken as the taker's; write maker_to_taker instead of upper if it is the maker's.",
    '  side: upper',
  ];
}

/** By magnitude: seconds have 10 digits until 2286, milliseconds 13, microseconds 16, nanoseconds 19. */
function timeTransform(values: readonly string[]): string {
  const value = values[0] ?? '';
  if (typeof microsFromIso8601(value) === 'number') return 'iso8601';
  const digits = value.split('.')[0]!.length;
  if (digits >= 18) return 'from_ns';
  if (digits >= 15) return 'from_us';
  return digits >= 12 ? 'from_ms' : 'from_s';
}

function exchangeOf(records: readonly RawFields[], source: string): string {
  const named = records.map((record) => record.get('_source')).find((value) => typeof value === 'string');
  const name = typeof named === 'string' ? named : (/^raw_(.+)_trades$/.exec(source)?.[1] ?? source);
  return quoted(name.toUpperCase());
}

/** Plain where YAML reads it as this very text; JSON strings are YAML too. */
function quoted(text: string): string {
  return /^[A-Za-z_][\w.-]*$/.test(text) && !/^(?:true|false|null|yes|no|on|off|[yn])$/i.test(text)
    ? text
    : JSON.stringify(text);
}
