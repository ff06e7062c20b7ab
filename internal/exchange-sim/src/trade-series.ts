import type { IdRange } from '@schemahub/coverage';
import {
  blockSize,
  blockStartUs,
  blockTimes,
  computeBlock,
  greatestDisplacement,
  type TradeBlock,
  type TradeShape,
} from './trade-block.js';
import type { TradeSource } from './trade-source.js';
import { createTimePrinter, eightDecimals, type SimTrade, tradeRow } from './trade-text.js';

export interface TradeSeriesOptions {
  /** Hash of the simulation's seed, the product and its generation. */
  readonly seed: number;
  readonly firstId: number;
  /** This trade falls at `endTimeMs` (rounded down at most to its whole second). */
  readonly anchorId: number;
  readonly endTimeMs: number;
  readonly ratePerSecond: number;
  /** A price that several venues follow. */
  readonly path?: TradeShape['path'];
  /** Centre of the price walk, in ticks of 10^−priceDecimals. */
  readonly centreTicks: number;
  readonly priceDecimals: number;
  readonly sizeDecimals: number;
  /** Blocks of 250 trades (about 30 KB each) kept in memory. Default 64. */
  readonly cachedBlocks?: number | undefined;
}

interface EncodedBlock extends TradeBlock {
  readonly bytes: Uint8Array;
  /** Where the row of the k-th lowest id begins and ends; rows lie newest first with a comma between them. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

/** 10^exponent by multiplication, exact up to 10^22. */
export function powerOfTen(exponent: number): number {
  let power = 1;
  for (let i = 0; i < exponent; i++) power *= 10;
  return power;
}

function shapeOf(options: TradeSeriesOptions): TradeShape {
  const index = Math.floor(options.anchorId / blockSize);
  const unanchored: TradeShape = {
    seed: options.seed,
    originBlock: index,
    blockUs: (blockSize * 1_000_000) / options.ratePerSecond,
    shiftUs: 0,
    centreTicks: options.centreTicks,
    path: options.path,
    unitsPerQuote: (powerOfTen(options.sizeDecimals) * powerOfTen(options.priceDecimals)) / options.centreTicks,
  };
  const unshifted = blockTimes(unanchored, index, false)[options.anchorId - index * blockSize]!;
  return { ...unanchored, shiftUs: Math.floor(options.endTimeMs * 1000) - unshifted };
}

interface Blocks {
  readonly tradeIn: (block: TradeBlock, index: number, place: number) => SimTrade;
  readonly at: (index: number) => EncodedBlock;
}

/** Blocks with their rows as text; the least recently used is forgotten first. */
function createBlocks(shape: TradeShape, options: TradeSeriesOptions): Blocks {
  const cachedBlocks = options.cachedBlocks ?? 64;
  const cache = new Map<number, EncodedBlock>();
  const printTime = createTimePrinter();

  function tradeIn(block: TradeBlock, index: number, place: number): SimTrade {
    return {
      id: index * blockSize + place,
      side: block.makerBuys[place] === 1 ? 'buy' : 'sell',
      price: eightDecimals(block.ticks[place]!, options.priceDecimals),
      size: eightDecimals(block.units[place]!, options.sizeDecimals),
      time: printTime(block.timesUs[place]!),
    };
  }

  function encode(index: number): EncodedBlock {
    const block = computeBlock(shape, index);
    const starts = new Uint32Array(blockSize);
    const ends = new Uint32Array(blockSize);
    let text = '';
    for (let place = blockSize - 1; place >= 0; place--) {
      starts[place] = text.length;
      text += tradeRow(tradeIn(block, index, place));
      ends[place] = text.length;
      if (place > 0) text += ',';
    }
    return { ...block, bytes: Buffer.from(text, 'latin1'), starts, ends };
  }

  function at(index: number): EncodedBlock {
    const block = cache.get(index) ?? encode(index);
    cache.delete(index);
    cache.set(index, block);
    if (cache.size > cachedBlocks) cache.delete(cache.keys().next().value!);
    return block;
  }

  return { tradeIn, at };
}

/** An endless series of trades: each a pure function of the options and its id, whatever was asked before. */
export function createTradeSeries(options: TradeSeriesOptions): TradeSource {
  const shape = shapeOf(options);
  const blocks = createBlocks(shape, options);

  function rows(range: IdRange): readonly Uint8Array[] {
    const chunks: Uint8Array[] = [];
    for (let top = range.last; top >= range.first; ) {
      const index = Math.floor(top / blockSize);
      const bottom = Math.max(range.first, index * blockSize);
      const block = blocks.at(index);
      chunks.push(
        block.bytes.subarray(block.starts[top - index * blockSize]!, block.ends[bottom - index * blockSize]!),
      );
      top = bottom - 1;
    }
    return chunks;
  }

  function lastIdAt(timeUs: number): number {
    const near = shape.originBlock + Math.floor((timeUs - shape.shiftUs) / shape.blockUs);
    let low = near - greatestDisplacement - 1;
    let high = near + greatestDisplacement + 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (blockStartUs(shape, middle) <= timeUs) low = middle;
      else high = middle - 1;
    }
    const times = blocks.at(low).timesUs;
    let count = 0;
    while (count < blockSize && times[count]! <= timeUs) count += 1;
    return low * blockSize + count - 1;
  }

  function at<T>(id: number, read: (block: EncodedBlock, index: number, place: number) => T): T {
    const index = Math.floor(id / blockSize);
    return read(blocks.at(index), index, id - index * blockSize);
  }

  return {
    firstId: options.firstId,
    lastId: Number.MAX_SAFE_INTEGER,
    missing: [],
    timeUs: (id) => at(id, (block, _index, place) => block.timesUs[place]!),
    lastIdAt,
    trade: (id) => at(id, blocks.tradeIn),
    rows,
  };
}
