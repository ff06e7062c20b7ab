// What made-up trades look like: figures of recorded Coinbase trades, counted by program over the recordings.
// A quantile list gives values at the stated shares; between them the logarithm is interpolated.

/** [share, value] pairs, ascending. */
export type Quantiles = readonly (readonly [share: number, value: number])[];

export interface TradeProfile {
  readonly product: string;
  /** Share of all trades that are this product's. */
  readonly share: number;
  readonly firstId: number;
  readonly firstTime: string;
  /** First price in ticks of 0.01. */
  readonly firstTicks: number;
  /** Share of trades at the price of the trade before. */
  readonly samePrice: number;
  /** Sizes of price changes in ticks. */
  readonly jump: Quantiles;
  /** Sizes in base units. */
  readonly size: Quantiles;
  /** Share of sizes that repeat one of the last few dozen. */
  readonly repeatedSize: number;
  /** Share of trades at the instant of the trade before. */
  readonly sameInstant: number;
  /** Seconds to the trade before, the same instants included. */
  readonly gap: Quantiles;
  /** Share of trades with the side of the trade before. */
  readonly sameSide: number;
}

/** Half, three tenths and two tenths of all trades: two busy products and a thin one that spans months. */
export const tradeProfiles: readonly TradeProfile[] = [
  {
    product: 'BTC-USD', // 143 trades of 2025-08-22
    share: 0.5,
    firstId: 865_127_782,
    firstTime: '2025-08-22T20:11:30.012637Z',
    firstTicks: 11_682_785,
    samePrice: 0.71,
    jump: [
      [0.55, 1],
      [0.9, 228],
      [0.99, 988],
      [1, 1000],
    ],
    size: [
      [0, 1e-8],
      [0.01, 2.5e-7],
      [0.1, 5.7e-6],
      [0.5, 2.3e-4],
      [0.9, 8.7e-3],
      [0.99, 0.27],
      [1, 0.61],
    ],
    repeatedSize: 0.18,
    sameInstant: 0.47,
    gap: [
      [0.47, 0.0001],
      [0.5, 0.0045],
      [0.9, 0.65],
      [0.99, 1.4],
      [1, 2.5],
    ],
    sameSide: 0.85,
  },
  {
    product: 'ETH-USD', // 284 trades of 2025-08-22
    share: 0.3,
    firstId: 689_038_652,
    firstTime: '2025-08-22T20:11:30.004411Z',
    firstTicks: 482_512,
    samePrice: 0.4,
    jump: [
      [0.3, 1],
      [0.5, 5],
      [0.9, 52],
      [0.99, 93],
      [1, 120],
    ],
    size: [
      [0, 1e-8],
      [0.01, 1.5e-5],
      [0.1, 4.9e-5],
      [0.5, 0.042],
      [0.9, 0.58],
      [0.99, 3.1],
      [1, 5],
    ],
    repeatedSize: 0.21,
    sameInstant: 0.64,
    gap: [
      [0.64, 0.0001],
      [0.9, 0.41],
      [0.99, 1.4],
      [1, 1.6],
    ],
    sameSide: 0.85,
  },
  {
    product: 'BTC-EUR', // 100 trades of 2020-02-17
    share: 0.2,
    firstId: 24_169_618,
    firstTime: '2020-02-17T07:13:06.596000Z',
    firstTicks: 904_288,
    samePrice: 0.17,
    jump: [
      [0.05, 1],
      [0.5, 133],
      [0.9, 519],
      [0.99, 1071],
      [1, 1200],
    ],
    size: [
      [0, 1e-6],
      [0.01, 2.7e-4],
      [0.1, 1.3e-3],
      [0.5, 0.011],
      [0.9, 0.14],
      [0.99, 0.38],
      [1, 0.4],
    ],
    repeatedSize: 0.06,
    sameInstant: 0.21,
    gap: [
      [0.21, 0.05],
      [0.5, 2.6],
      [0.9, 16],
      [0.99, 45],
      [1, 46],
    ],
    sameSide: 0.74,
  },
];
