import type { TradeFacts } from '@schemahub/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seekTime } from './seek-time.js';
import { parseTradeTime } from './trade-time.js';

const EPOCH = Date.UTC(2015, 0, 8) * 1000;

function at(id: number, micros: number): TradeFacts {
  const text = new Date(Math.floor((EPOCH + micros) / 1000)).toISOString().slice(0, 20);
  const fraction = String((EPOCH + micros) % 1_000_000).padStart(6, '0');
  return { id, ts: `${text}${fraction}Z`, side: 'buy', price: '1', quantity: '1' };
}

/** A venue over trades ascending by id; `short` cuts every other page to one row, as collectBelow may meet at the end. */
function venueOf(trades: readonly TradeFacts[], gridSize: number) {
  let requests = 0;
  return {
    gridSize,
    requests: () => requests,
    fetchBelow: async (_product: string, upTo: number, limit: number) => {
      requests++;
      let high = trades.length;
      for (let low = 0; low < high; ) {
        const middle = (low + high) >> 1;
        if (trades[middle]!.id <= upTo) low = middle + 1;
        else high = middle;
      }
      return trades.slice(Math.max(0, high - limit), high).reverse();
    },
  };
}

/** Ids with holes of any width, times that never fall and often stand still. */
const histories = fc
  .array(fc.tuple(fc.constantFrom(1, 1, 1, 2, 40, 3000), fc.constantFrom(0, 0, 1, 5, 1_000_000, 400_000_000)), {
    minLength: 1,
    maxLength: 80,
  })
  .map((steps) => {
    let id = -1;
    let micros = 0;
    return steps.map(([idStep, timeStep]) => {
      id += idStep;
      micros += timeStep;
      return at(id, micros);
    });
  });

describe('seekTime', () => {
  it('finds what a scan of all trades finds, with holes, equal times and a floor that is void', async () => {
    await fc.assert(
      fc.asyncProperty(
        histories,
        fc.integer({ min: 1, max: 20 }),
        fc.nat(),
        fc.integer({ min: -2, max: 2 }),
        async (trades, gridSize, pick, shift) => {
          const micros = parseTradeTime(trades[pick % trades.length]!.ts).micros + shift;
          const head = trades.at(-1)!;
          const floor = pick % (trades[0]!.id + 1);
          const venue = venueOf(trades, gridSize);
          const found = await seekTime({ connector: venue, product: 'X', micros, floor, head });
          const expected = trades.find((trade) => parseTradeTime(trade.ts).micros >= micros)?.id ?? head.id + 1;
          expect(found).toEqual({ id: expected, requests: venue.requests() });
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('needs few requests in a long uneven history', async () => {
    // 200,000 ids; trading gets two thousand times faster, with a day's halt in the middle.
    let micros = 0;
    const trades = Array.from({ length: 200_000 }, (_, id) => {
      micros += Math.floor(60_000_000 / (1 + id / 100)) + (id === 100_000 ? 86_400_000_000 : 0);
      return at(id + 1, micros);
    });
    const venue = venueOf(trades, 1000);
    let worst = 0;
    let total = 0;
    for (let i = 0; i < 200; i++) {
      const target = trades[(i * 4999 + 17) % trades.length]!;
      const { id, requests } = await seekTime({
        connector: venue,
        product: 'X',
        micros: parseTradeTime(target.ts).micros,
        floor: 1,
        head: trades.at(-1)!,
      });
      expect(parseTradeTime(trades[id - 1]!.ts).micros).toBe(parseTradeTime(target.ts).micros);
      worst = Math.max(worst, requests);
      total += requests;
    }
    // The floor, bisection's steps, one of slack, and the last page; on average far fewer.
    expect(worst).toBeLessThanOrEqual(1 + Math.ceil(Math.log2(200)) + 2);
    expect(total / 200).toBeLessThan(8);
  });

  it('answers head + 1 after the last trade without a request, and the first trade before all', async () => {
    const trades = [at(5, 10), at(9, 20)];
    const connector = venueOf(trades, 10);
    const options = { connector, product: 'X', floor: 0, head: trades[1]! };
    expect(await seekTime({ ...options, micros: EPOCH + 21 })).toEqual({ id: 10, requests: 0 });
    expect((await seekTime({ ...options, micros: EPOCH + 20 })).id).toBe(9);
    expect((await seekTime({ ...options, micros: 0 })).id).toBe(5);
    expect((await seekTime({ ...options, micros: 0, floor: 5 })).id).toBe(5);
    expect((await seekTime({ ...options, micros: 0, floor: 9 })).id).toBe(9);
  });

  it('refuses a floor above the head and a time that is none', async () => {
    const head = at(9, 20);
    const connector = venueOf([head], 10);
    await expect(seekTime({ connector, product: 'X', micros: 0, floor: 10, head })).rejects.toMatchObject({
      code: 'invalid-option',
    });
    await expect(seekTime({ connector, product: 'X', micros: 0.5, floor: 1, head })).rejects.toMatchObject({
      code: 'invalid-option',
    });
  });
});
