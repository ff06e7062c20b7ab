import { type CoinbaseProductSpec, defaultEndTime } from './coinbase-product.js';
import { hashText } from './random.js';

export interface DemoOptions {
  /** When the newest trades happened. Default 2025-08-22T20:11:59Z; a live demonstration gives the present time. */
  readonly endTime?: string | number | undefined;
  /** Whether trading goes on as the clock does. Default false. */
  readonly followClock?: boolean | undefined;
}

/**
 * The acceptance scenario: five products, ids from 1, 100,640 trades. BTC-USD and XRP-USD are dense; ETH-USD has a hole of
 * 2,500 ids; SOL-USD has five short ones, the first among the lowest thousand ids; WLD-USD has 640 trades, the others 25,000 each.
 */
export function demoProducts(seed: string | number, options: DemoOptions = {}): readonly CoinbaseProductSpec[] {
  const draw = (name: string, from: number, width: number): number => from + (hashText(`${seed}/demo/${name}`) % width);
  const shared = { endTime: options.endTime ?? defaultEndTime, followClock: options.followClock ?? false };
  const hole = draw('hole', 8000, 6000);
  const long = draw('long', 17_000, 2000);
  const voids = [
    draw('lowest', 200, 700),
    draw('second', 5000, 900),
    { first: draw('pair', 9000, 900), last: draw('pair', 9000, 900) + 1 },
    draw('fourth', 13_000, 2000),
    { first: long, last: long + 44 },
  ];
  const voidCount = 1 + 1 + 2 + 1 + 45;
  return [
    { id: 'BTC-USD', trades: 25_000, price: '84429.83', ratePerSecond: 5, ...shared },
    {
      id: 'ETH-USD',
      trades: 27_500,
      price: '4325.11',
      ratePerSecond: 3,
      voids: [{ first: hole, last: hole + 2499 }],
      ...shared,
    },
    { id: 'SOL-USD', trades: 25_000 + voidCount, price: '182.44', ratePerSecond: 1, voids, ...shared },
    { id: 'XRP-USD', trades: 25_000, price: '2.8912', ratePerSecond: 0.05, ...shared },
    { id: 'WLD-USD', trades: 640, price: '0.9634', ratePerSecond: 0.01, ...shared },
  ];
}
