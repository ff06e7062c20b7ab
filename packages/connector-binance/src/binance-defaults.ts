/** What is true of Binance spot unless somebody says otherwise. */
export interface BinanceDefaults {
  /** Lower case, as in paths and log texts; the table column says BINANCE. */
  readonly exchange: 'binance';
  readonly baseUrl: string;
  /** First segment of the raw layer's keys, and the `source` of the shipped mapping. */
  readonly rawTable: string;
  /** Ids in a window of the fixed grid: the greatest page the venue gives. */
  readonly gridSize: number;
  /** Weight that one address may use a minute; `exchangeInfo` says the limit of the day. */
  readonly weightPerMinute: number;
  readonly userAgent: string;
  /** Base URL of the bulk archive. */
  readonly archiveUrl: string;
  /** The month in which Binance opened: no archive file is older. */
  readonly firstMonth: string;
}

export const binanceDefaults: BinanceDefaults = {
  exchange: 'binance',
  baseUrl: 'https://api.binance.com',
  rawTable: 'raw_binance_trades',
  gridSize: 1000,
  weightPerMinute: 6000,
  userAgent: 'schemahub (+https://github.com/schemahub/schemahub)',
  archiveUrl: 'https://data.binance.vision',
  firstMonth: '2017-07',
};

/** Name of the one budget. */
export const BINANCE_BUDGET = 'weight';

/** Weights of the endpoints (changelog 2024-04-04, 2025-03-10). */
export const weights = {
  exchangeInfo: 20,
  trades: 25,
  historicalTrades: 25,
  aggTrades: 4,
} as const;
