import { createRandom, mix, mixInteger, noise, quantile, type Random } from './random.js';

/** Trades are made in blocks of this many ids: four to a page of 1000, cheap enough for a two-row probe. */
export const blockSize = 250;

/** Everything that decides a product's trades, as whole numbers. */
export interface TradeShape {
  readonly seed: number;
  /** The block that times are counted from: near the ids in use, so that µs stay exact for ids up to 2^52. */
  readonly originBlock: number;
  /** Microseconds that an average block lasts. */
  readonly blockUs: number;
  /** Added to every time, so that the last trade falls on the end time asked for. */
  readonly shiftUs: number;
  /** Price around which the walk goes, in ticks. */
  readonly centreTicks: number;
  /** Follow a price that other venues follow too, within `spread` (a share of it), instead of a walk of one's own. */
  readonly path?: { readonly seed: number; readonly spread: number } | undefined;
  /** Size units that one unit of the quote asset buys. */
  readonly unitsPerQuote: number;
}

/** The trades of one block, ascending by id. */
export interface TradeBlock {
  readonly timesUs: Float64Array;
  readonly ticks: Float64Array;
  readonly units: Float64Array;
  /** 1 where the maker bought. */
  readonly makerBuys: Uint8Array;
}

// Shapes read off the recordings of Coinbase BTC-USD and ETH-USD of 2025-08-22 (statistics kept with the recordings).
const sameInstantShare = 0.5;
const positiveGap = [2e-4, 2e-3, 5e-3, 0.01, 0.02, 0.04, 0.07, 0.1, 0.14, 0.2, 0.28, 0.38, 0.5, 0.65, 0.85, 1.2, 2.5];
const quoteValue = [0.02, 0.3, 1, 3, 6, 10, 15, 20, 27, 45, 80, 150, 300, 550, 1000, 3500, 40_000];
const favouriteValues = [8, 25, 100, 1000];
const relativeMove = [0, 0, 0, 0, 0, 1e-7, 4e-7, 1e-6, 2e-6, 3e-6, 5e-6, 8e-6, 1.2e-5, 1.6e-5, 2.5e-5, 4e-5, 1.2e-4];

const intensityPeriods = [4, 32, 256, 2048];
/** Keeps the slope of the sum of all curves above 1 − 4 × 0.2, so time never runs backwards and busy hours are 9 × quiet ones. */
const intensityAmplitude = 1 / 15;
const walkOctaves = 9;
const walkAmplitude = 0.0003;

/** When block `index` begins, whole µs; the block before ends at the same instant. */
export function blockStartUs(shape: TradeShape, index: number): number {
  let position = index - shape.originBlock;
  for (const period of intensityPeriods) {
    position += noise(mix(shape.seed, period), index, period) * period * intensityAmplitude;
  }
  return Math.floor(position * shape.blockUs) + shape.shiftUs;
}

/** How far, in blocks, a block's start can be from its place on an even grid. */
export const greatestDisplacement: number = Math.ceil(
  intensityPeriods.reduce((sum, period) => sum + period * intensityAmplitude, 1),
);

/** Times of a block. `round` also puts some trades on whole seconds and milliseconds, whose zeros the exchange does not print. */
export function blockTimes(shape: TradeShape, index: number, round: boolean): Float64Array {
  const random = createRandom(mix(mixInteger(shape.seed, index), 11));
  const gaps = new Float64Array(blockSize);
  let total = 0;
  for (let i = 0; i < blockSize; i++) {
    gaps[i] = random() < sameInstantShare ? 0 : quantile(positiveGap, random());
    total += gaps[i]!;
  }
  const start = blockStartUs(shape, index);
  const length = blockStartUs(shape, index + 1) - start;
  const times = new Float64Array(blockSize);
  let previous = start;
  let sum = 0;
  for (let i = 0; i < blockSize; i++) {
    sum += gaps[i]!;
    const draw = random();
    if (gaps[i]! > 0) {
      const exact = start + Math.floor((length * sum) / total);
      const step = draw < 0.004 ? 1_000_000 : draw < 0.02 ? 1000 : 1;
      const rounded = round ? Math.floor(exact / step) * step : exact;
      previous = rounded >= previous ? rounded : exact;
    }
    times[i] = previous;
  }
  return times;
}

/** Mid price at the start of a block, in ticks: octaves whose heights grow as a random walk's would. */
function walkTicks(shape: TradeShape, index: number): number {
  let height = 0;
  let amplitude = walkAmplitude;
  let period = 1;
  for (let octave = 0; octave < walkOctaves; octave++) {
    height += amplitude * noise(mix(shape.seed, 100 + octave), index, period);
    amplitude *= 2;
    period *= 4;
  }
  return Math.floor(shape.centreTicks * (1 + height));
}

/** Seconds of the quickest curve of a common price; each slower one is four times as long and twice as high. */
const pathPeriod = 30;
const pathAmplitude = 0.00005;
/** Seconds over which a venue's own distance from the common price changes. */
const spreadPeriod = 300;

/** The common price at an instant, as a share of its centre, by the seed alone: every venue that follows it agrees. */
function pathAt(seed: number, timeUs: number): number {
  const seconds = timeUs / 1_000_000;
  let height = 1;
  let amplitude = pathAmplitude;
  let period = pathPeriod;
  for (let octave = 0; octave < walkOctaves; octave++) {
    height += amplitude * noise(mix(seed, 200 + octave), seconds, period);
    amplitude *= 2;
    period *= 4;
  }
  return height;
}

/** The part of a venue's spread that lies between its own bid and ask: who takes pays half of it. */
const bookShare = 0.2;

/** Prices along a common path: the venue's distance from it, with what the taker pays, stays within the spread. */
function followPath(
  shape: TradeShape,
  path: NonNullable<TradeShape['path']>,
  { timesUs, makerBuys }: Pick<TradeBlock, 'timesUs' | 'makerBuys'>,
): Float64Array {
  return timesUs.map((timeUs, i) => {
    const distance = (1 - bookShare / 2) * noise(mix(shape.seed, 300), timeUs / 1_000_000, spreadPeriod);
    const paid = (makerBuys[i] === 1 ? -bookShare : bookShare) / 2;
    const price = shape.centreTicks * pathAt(path.seed, timeUs) * (1 + path.spread * (distance + paid));
    return Math.max(1, Math.floor(price));
  });
}

function drawMakerSides(random: Random, times: Float64Array): Uint8Array {
  const makerBuys = new Uint8Array(blockSize);
  let side = random() < 0.5 ? 1 : 0;
  for (let i = 0; i < blockSize; i++) {
    const oneTaker = i > 0 && times[i] === times[i - 1];
    if (random() < (oneTaker ? 0.03 : 0.28)) side = 1 - side;
    makerBuys[i] = side;
  }
  return makerBuys;
}

/** Prices: a walk of the mid, bent so that it ends where the next block begins; the taker pays one tick of spread. */
function drawTicks(shape: TradeShape, index: number, random: Random, makerBuys: Uint8Array): Float64Array {
  const moves = new Float64Array(blockSize);
  let net = 0;
  let effort = 0;
  for (let i = 1; i < blockSize; i++) {
    if (random() >= 0.2) continue;
    const size = Math.max(1, Math.floor(quantile(relativeMove, random()) * shape.centreTicks));
    moves[i] = random() < 0.5 ? -size : size;
    net += moves[i]!;
    effort += size;
  }
  const start = walkTicks(shape, index);
  const bend = walkTicks(shape, index + 1) - start - net;
  const ticks = new Float64Array(blockSize);
  let mid = 0;
  let spent = 0;
  for (let i = 0; i < blockSize; i++) {
    mid += moves[i]!;
    spent += Math.abs(moves[i]!);
    const bent = effort === 0 ? 0 : Math.floor((bend * spent) / effort);
    ticks[i] = Math.max(1, start + mid + bent + (makerBuys[i] === 1 ? 0 : 1));
  }
  return ticks;
}

/** `value` with all digits but the first set to zero. */
function oneDigit(value: number): number {
  let unit = 1;
  while (unit * 10 <= value) unit *= 10;
  return Math.floor(value / unit) * unit;
}

function drawUnits(shape: TradeShape, random: Random, times: Float64Array): Float64Array {
  const units = new Float64Array(blockSize);
  for (let i = 0; i < blockSize; i++) {
    const draw = random();
    if (draw < 0.03 && i > 0 && times[i] === times[i - 1]) {
      units[i] = units[i - 1]!;
    } else if (draw < 0.13) {
      const favourite = favouriteValues[Math.floor(random() * favouriteValues.length)]!;
      units[i] = Math.max(1, oneDigit(favourite * shape.unitsPerQuote));
    } else {
      units[i] = Math.max(1, Math.floor(quantile(quoteValue, random()) * shape.unitsPerQuote));
    }
  }
  return units;
}

/** The trades of one block: a pure function of the shape and the index. */
export function computeBlock(shape: TradeShape, index: number): TradeBlock {
  const random = createRandom(mix(mixInteger(shape.seed, index), 13));
  const timesUs = blockTimes(shape, index, true);
  const makerBuys = drawMakerSides(random, timesUs);
  const own = drawTicks(shape, index, random, makerBuys);
  const ticks = shape.path === undefined ? own : followPath(shape, shape.path, { timesUs, makerBuys });
  const units = drawUnits(shape, random, timesUs);
  return { timesUs, ticks, units, makerBuys };
}
