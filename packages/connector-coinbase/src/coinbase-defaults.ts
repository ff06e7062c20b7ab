/** What is true of Coinbase Exchange unless somebody says otherwise. */
export interface CoinbaseDefaults {
  /** Lower case, as in paths and log texts; the table column says COINBASE. */
  readonly exchange: 'coinbase';
  readonly baseUrl: string;
  /** First segment of the raw layer's keys, and the `source` of the shipped mapping. */
  readonly rawTable: string;
  /** Ids in a window of the fixed grid: the greatest page the venue gives. */
  readonly gridSize: number;
  /** Requests a second; the server allows 10 with a burst of 15 (docs: rate-limits). */
  readonly rate: number;
  /** Measured: a burst of 5 gives 100 % of the rate and no 429. */
  readonly burst: number;
  /** Coinbase rejects requests without one. */
  readonly userAgent: string;
}

export const coinbaseDefaults: CoinbaseDefaults = {
  exchange: 'coinbase',
  baseUrl: 'https://api.exchange.coinbase.com',
  rawTable: 'raw_coinbase_trades',
  gridSize: 1000,
  rate: 10,
  burst: 5,
  userAgent: 'schemahub (+https://github.com/schemahub/schemahub)',
};
