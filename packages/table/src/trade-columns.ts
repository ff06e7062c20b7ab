import type { TableSchema } from '@schemahub/columns';
import { TableError } from './errors.js';

/** The columns that this package knows by name; a schema may have more. */
export const TRADE_COLUMNS = {
  exchange: 'exchange',
  symbol: 'symbol',
  id: 'trade_id',
  side: 'side',
  price: 'price',
  quantity: 'quantity',
  tradeTs: 'trade_ts',
  ingestTs: 'ingest_ts',
} as const;

/** Of equal keys the row that is least by these wins; then by the schema's other columns, so that bytes never depend on order. */
export const WINNER_ORDER: readonly string[] = [
  TRADE_COLUMNS.ingestTs,
  TRADE_COLUMNS.tradeTs,
  TRADE_COLUMNS.side,
  TRADE_COLUMNS.price,
  TRADE_COLUMNS.quantity,
];

export function requireTradeColumns(schema: TableSchema): void {
  const names = new Set(schema.columns.map(({ name }) => name));
  const absent = Object.values(TRADE_COLUMNS).filter((name) => !names.has(name));
  if (absent.length > 0) {
    throw new TableError(
      'invalid-option',
      `schema: expected the columns of trades_unified, but ${schema.name} lacks ${absent.join(', ')}. Give tradesUnified of @schemahub/core or a schema that extends it.`,
    );
  }
}
