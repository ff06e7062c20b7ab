import type { ColumnSpec, TableSchema } from '@schemahub/columns';

// Tables and mappings of the tests. trades_unified itself lives in a package this one may not import.

function column(fieldId: number, name: string, type: ColumnSpec['type'], nullable = false): ColumnSpec {
  return { fieldId, name, type, nullable, doc: '' };
}

export const trades: TableSchema = {
  name: 'trades_unified',
  columns: [
    column(1, 'exchange', 'string'),
    column(2, 'symbol', 'string'),
    column(3, 'trade_id', 'string'),
    column(4, 'side', 'string'),
    column(5, 'price', 'double'),
    column(6, 'quantity', 'double'),
    column(7, 'trade_ts', 'timestamp'),
    column(8, 'ingest_ts', 'timestamp'),
  ],
  primaryKey: ['exchange', 'symbol', 'trade_id'],
  sortKey: ['trade_ts', 'trade_id'],
};

export const tradesWithDecimals: TableSchema = {
  ...trades,
  columns: [...trades.columns, column(9, 'price_dec', 'decimal', true), column(10, 'quantity_dec', 'decimal', true)],
};

/** Every kind of column, most of them nullable, with text ids. */
export const things: TableSchema = {
  name: 'things',
  columns: [
    column(1, 'kind', 'string'),
    column(2, 'name', 'string', true),
    column(3, 'count', 'int64', true),
    column(4, 'flag', 'boolean', true),
    column(5, 'seen', 'timestamp', true),
    column(6, 'weight', 'double', true),
    column(7, 'exact', 'decimal', true),
    column(8, 'unused', 'string', true),
    column(9, 'level', 'int64'),
    column(10, 'thing_id', 'string'),
  ],
  primaryKey: ['kind', 'thing_id'],
  sortKey: ['seen'],
};

/** Decimal ids and nullable columns of the kinds that the kernel writes itself. */
export const readings: TableSchema = {
  name: 'readings',
  columns: [
    column(1, 'reading_id', 'int64'),
    column(2, 'value', 'double', true),
    column(3, 'at', 'timestamp', true),
    column(4, 'stored_at', 'timestamp', true),
    column(5, 'unit', 'string', true),
    column(6, 'exact', 'decimal', true),
  ],
  primaryKey: ['reading_id'],
  sortKey: ['reading_id'],
};

export const readingsMapping = `
source: raw_readings
target_table: readings
mappings: { id: reading_id, v: value, at: at, stored: stored_at, u: unit }
transforms: { stored: from_ms }
decimals: { exact: value }
`;

export const coinbaseMapping = `
version: 1
source: raw_coinbase_trades
target_table: trades_unified
mappings:
  _symbol: symbol
  trade_id: trade_id
  side: side
  price: price
  size: quantity
  time: trade_ts
  _source_ingest_ts: ingest_ts
constants:
  exchange: COINBASE
transforms:
  side: maker_to_taker
  price: to_double
  quantity: to_double
  trade_ts: iso8601
  ingest_ts: iso8601
validation:
  side: { enum: [BUY, SELL] }
  price: { minimum: 0, exclusive: true }
  quantity: { minimum: 0, exclusive: true }
decimals:
  price_dec: price
  quantity_dec: quantity
`;

export const thingsMapping = `
source: raw_things
target_table: things
id_kind: text
mappings:
  id: thing_id
  n: [name, count]
  f: flag
  t: seen
  w: [weight, exact]
constants: { kind: thing, level: 7 }
transforms:
  name: [lower, { enum: { "1": one, "2": two, "10": ten, "true": yes } }, { default: none }]
  t: from_epoch
validation:
  weight: { minimum: -5 }
`;
