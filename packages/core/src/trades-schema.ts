import type { ColumnSpec, TableSchema } from '@schemahub/columns';

function column(fieldId: number, name: string, type: ColumnSpec['type'], doc: string, nullable = false): ColumnSpec {
  return { fieldId, name, type, nullable, doc };
}

/** The schema of `trades_unified`. Field ids never change and are never used again. */
export const tradesUnified: TableSchema = {
  name: 'trades_unified',
  columns: [
    column(1, 'exchange', 'string', 'COINBASE, BINANCE or KRAKEN'),
    column(2, 'symbol', 'string', "canonical BASE-QUOTE from the venue's catalogue, BTC-USD"),
    column(3, 'trade_id', 'string', "the exchange's id, a canonical decimal"),
    column(4, 'side', 'string', "BUY or SELL, the taker's at every venue"),
    column(5, 'price', 'double', 'execution price, in units of the quote asset'),
    column(6, 'quantity', 'double', 'size, in units of the base asset'),
    column(7, 'trade_ts', 'timestamp', 'when it executed'),
    column(8, 'ingest_ts', 'timestamp', 'when the raw record landed'),
  ],
  primaryKey: ['exchange', 'symbol', 'trade_id'],
  sortKey: ['trade_ts', 'trade_id'],
};

/** `trades_unified` with the exact decimals that `--decimals` adds; files without them read as null. */
export const tradesUnifiedWithDecimals: TableSchema = {
  ...tradesUnified,
  columns: [
    ...tradesUnified.columns,
    column(9, 'price_dec', 'decimal', 'price, exact', true),
    column(10, 'quantity_dec', 'decimal', 'quantity, exact', true),
  ],
};
