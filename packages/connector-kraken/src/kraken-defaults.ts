/** What is true of Kraken spot unless somebody says otherwise. */
export interface KrakenDefaults {
  /** Lower case, as in paths and log texts; the table column says KRAKEN. */
  readonly exchange: 'kraken';
  readonly baseUrl: string;
  /** First segment of the raw layer's keys, and the `source` of the shipped mapping. */
  readonly rawTable: string;
  /** Greatest page the venue gives, and the width of the fixed grid. */
  readonly gridSize: number;
  /** Pages a second and pair; faster ones "could" be limited (support article 206548367). */
  readonly rate: number;
  readonly burst: number;
  readonly userAgent: string;
}

export const krakenDefaults: KrakenDefaults = {
  exchange: 'kraken',
  baseUrl: 'https://api.kraken.com',
  rawTable: 'raw_kraken_trades',
  gridSize: 1000,
  rate: 1,
  burst: 1,
  userAgent: 'schemahub (+https://github.com/schemahub/schemahub)',
};

/** Trades are limited by address and pair, all else by address. */
export const KRAKEN_PAIR_BUDGET = 'pair:*';
export const KRAKEN_PUBLIC_BUDGET = 'public';

export function pairBudget(pair: string): string {
  return `pair:${pair}`;
}
