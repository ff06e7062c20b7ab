/** A change of a text on its way to a column, in the order written. */
export type TextStep =
  | { readonly kind: 'upper' }
  | { readonly kind: 'lower' }
  /** buy becomes SELL and sell becomes BUY: the venue reports the maker's side, the table holds the taker's. */
  | { readonly kind: 'maker_to_taker' }
  /** Only the texts listed pass. */
  | { readonly kind: 'enum'; readonly values: Readonly<Record<string, string>> }
  /** Texts listed are replaced, others pass as they are: `symbol_map`. */
  | { readonly kind: 'replace'; readonly values: Readonly<Record<string, string>> }
  /** Stands in for a field that is absent or null. */
  | { readonly kind: 'default'; readonly value: string };

/** How the text becomes the column's value. */
export type Conversion =
  | 'string'
  | 'decimal_id'
  | 'text_id'
  | 'double'
  | 'int64'
  | 'boolean'
  | 'decimal'
  | 'iso8601'
  | 'from_s'
  | 'from_ms'
  | 'from_us'
  | 'from_ns'
  | 'from_epoch';

/** Everything that decides one column. */
export interface ColumnRule {
  readonly column: string;
  /** The raw field it comes from; null for a constant. */
  readonly field: string | null;
  /** The constant as text; null for a mapped field. */
  readonly constant: string | null;
  readonly steps: readonly TextStep[];
  readonly conversion: Conversion;
  /** Whether an absent field or null refuses the record. */
  readonly required: boolean;
  readonly minimum: number | null;
  /** Whether the minimum itself is refused. */
  readonly exclusive: boolean;
  /** The only texts that pass, sorted; null for any. */
  readonly allowed: readonly string[] | null;
  /** From `decimals`: left out where the schema in use lacks the column. */
  readonly optional: boolean;
}

/** A mapping that passed every check, in normal form and frozen: equal meanings are equal values. */
export interface Mapping {
  readonly version: 1;
  /** Name of the raw table, `raw_coinbase_trades`. */
  readonly source: string;
  readonly targetTable: string;
  /** The column that identifies a record within its source: the last of the table's primary key. */
  readonly idColumn: string;
  /** `decimal`: canonical decimals 0 … 2^53−1, as text or number in the JSON; `text`: any text but the empty one. */
  readonly idKind: 'decimal' | 'text';
  /** One a column, sorted by its name. */
  readonly rules: readonly ColumnRule[];
}

/** Fields that the raw layer itself adds; a record may have them without the mapping's knowledge. */
export const RAW_LAYER_FIELDS: readonly string[] = [
  'product_id',
  '_source',
  '_symbol',
  '_source_ingest_ts',
  '_raw_payload',
];
