import type { Quantiles, TradeProfile } from './profiles.js';

/** Consecutive trades of one product, as typed arrays. */
export interface Trades {
  readonly count: number;
  readonly ids: Float64Array;
  /** Microseconds since 1970; they never run backwards. */
  readonly times: Float64Array;
  /** Prices in ticks of 0.01. */
  readonly ticks: Int32Array;
  /** Sizes in units of 1e-8. */
  readonly sizes: Float64Array;
  /** 1 where the maker bought. */
  readonly makerBuys: Uint8Array;
}

/** The next `count` trades. The same seed gives the same trades, however they are asked for. */
export type TradeModel = (count: number) => Trades;

const TABLE_SIZE = 4096;
/** Sizes that may come again. */
const RECENT_SIZES = 32;
const MICROS = 1_000_000;

/** Mulberry32: 0 ≤ x < 1 in steps of 2^-32. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The inverse distribution at evenly spaced shares. */
function inverseTable(quantiles: Quantiles): Float64Array {
  return Float64Array.from({ length: TABLE_SIZE }, (_, index) => {
    const share = (index + 0.5) / TABLE_SIZE;
    const above = quantiles.findIndex(([at]) => at >= share);
    const [toShare, to] = quantiles[above]!;
    const [fromShare, from] = quantiles[above - 1] ?? [0, to];
    return from * (to / from) ** ((share - fromShare) / Math.max(toShare - fromShare, 1e-9));
  });
}

export function createTradeModel(profile: TradeProfile, seed: number): TradeModel {
  const random = createRandom(seed ^ profile.firstId);
  const jumps = inverseTable(profile.jump);
  const drawnSizes = inverseTable(profile.size);
  const gaps = inverseTable(profile.gap);
  const recent = new Float64Array(RECENT_SIZES).fill(Math.round(drawnSizes[TABLE_SIZE / 2]! * 1e8));
  let id = profile.firstId;
  let time = Date.parse(profile.firstTime) * 1000;
  let ticks = profile.firstTicks;
  let makerBuys = 0;
  let drawn = 0;

  const nextTicks = (): number => {
    if (random() < profile.samePrice) return ticks;
    const jump = Math.round(jumps[Math.floor(random() * TABLE_SIZE)]!);
    // Drawn back to where it began, so that the price of no history ends at nothing.
    const drift = (ticks - profile.firstTicks) / profile.firstTicks;
    return random() < 0.5 - drift ? ticks + jump : Math.max(1, ticks - jump);
  };
  const nextSize = (): number => {
    if (random() < profile.repeatedSize) return recent[Math.floor(random() * RECENT_SIZES)]!;
    // A draw between two entries of the table, so that sizes have all their digits.
    const at = random() * (TABLE_SIZE - 1);
    const from = drawnSizes[Math.floor(at)]!;
    const size = Math.max(1, Math.round((from + (drawnSizes[Math.ceil(at)]! - from) * (at % 1)) * 1e8));
    recent[drawn++ % RECENT_SIZES] = size;
    return size;
  };
  return (count) => {
    const trades: Trades = {
      count,
      ids: new Float64Array(count),
      times: new Float64Array(count),
      ticks: new Int32Array(count),
      sizes: new Float64Array(count),
      makerBuys: new Uint8Array(count),
    };
    for (let row = 0; row < count; row += 1) {
      if (random() >= profile.sameInstant) {
        const share = profile.sameInstant + random() * (1 - profile.sameInstant);
        const gap = gaps[Math.min(TABLE_SIZE - 1, Math.floor(share * TABLE_SIZE))]!;
        time += Math.max(1, Math.round(gap * (0.5 + random()) * MICROS));
      }
      if (random() >= profile.sameSide) makerBuys = 1 - makerBuys;
      ticks = nextTicks();
      trades.ids[row] = id++;
      trades.times[row] = time;
      trades.ticks[row] = ticks;
      trades.sizes[row] = nextSize();
      trades.makerBuys[row] = makerBuys;
    }
    return trades;
  };
}
