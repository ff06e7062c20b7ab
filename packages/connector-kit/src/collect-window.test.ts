import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collectBelow, collectWindow, type PageSource } from './collect-window.js';
import { memoryDialect, sampleTrade } from './testing/index.js';
import { parseTradeId } from './trade-id.js';

type Row = { id: unknown; ts: string; side: string; price: string; quantity: string };

/** A venue over a list of ids whose pages are cut, doubled and shuffled as the dice say. */
function oddVenue(
  ids: readonly number[],
  pageLimit: number,
  dice: readonly number[],
): PageSource & { readonly asked: number[][] } {
  const asked: number[][] = [];
  let roll = 0;
  return {
    asked,
    pageLimit,
    idOf: (value) => parseTradeId((value as Row).id),
    factsOf: (value) => ({ ...(value as Row), id: parseTradeId((value as Row).id)! }),
    fetchPage: async (upTo, limit) => {
      asked.push([upTo, limit]);
      const die = dice[roll++ % dice.length] ?? 0;
      let rows = ids
        .filter((id) => id <= upTo)
        .toSorted((a, b) => b - a)
        .slice(0, limit);
      if (die % 3 === 1) rows = rows.slice(0, 1 + (die % 5));
      if (die % 4 === 1) rows = [...rows, ...rows];
      if (die % 5 === 1) rows.reverse();
      const body = `[${rows.map((id) => memoryDialect.trade(sampleTrade(id), die % 2 === 1)).join(', ')}]`;
      return { body: Buffer.from(body), url: 'https://memory.invalid/trades', receivedAt: asked.length };
    },
  };
}

const venues = fc.tuple(
  fc.uniqueArray(fc.nat(300), { maxLength: 200 }),
  fc.integer({ min: 1, max: 40 }),
  fc.array(fc.nat(59), { minLength: 1, maxLength: 40 }),
);

describe('collectWindow', () => {
  it('gives exactly the trades of the window, whatever the pages look like', async () => {
    await fc.assert(
      fc.asyncProperty(venues, fc.nat(300), fc.nat(60), async ([ids, pageLimit, dice], first, width) => {
        const window = { first, last: first + width };
        const venue = oddVenue(ids, pageLimit, dice);
        const page = await collectWindow({ ...venue, window });
        const expected = ids.filter((id) => id >= first && id <= window.last).toSorted((a, b) => a - b);
        expect([...page.ids]).toEqual(expected);
        expect(page.records.map((record) => venue.factsOf(JSON.parse(Buffer.from(record).toString())))).toEqual(
          expected.map(sampleTrade),
        );
        expect(page.requests).toBe(venue.asked.length);
        expect(page.receivedAt).toBe(venue.asked.length);
        // A row below was seen only if the window's own first id was not: it is then the very next one.
        if (page.nextBelow !== undefined) {
          expect(page.nextBelow).toBe(ids.filter((id) => id < first).reduce((a, b) => Math.max(a, b)));
          expect(page.ids[0]).not.toBe(first);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('asks for no more rows than the window has ids left, and never twice for the same', async () => {
    const venue = oddVenue([5, 6, 7, 8, 9, 20], 3, [0]);
    await collectWindow({ ...venue, window: { first: 5, last: 11 } });
    expect(venue.asked).toEqual([
      [11, 3],
      [6, 2],
    ]);
  });

  it('takes a fractions-only difference as the same trade and another price as a broken contract', async () => {
    const row = (price: string, ts: string): string =>
      `{"id":1,"ts":"${ts}","side":"buy","price":"${price}","quantity":"1"}`;
    const source = (second: string): PageSource => ({
      ...oddVenue([], 10, [0]),
      fetchPage: async () => ({
        body: Buffer.from(`[${row('1.50', '2026-09-27T00:00:00.77Z')},${second}]`),
        url: 'https://memory.invalid/trades',
        receivedAt: 0,
      }),
    });
    const window = { first: 1, last: 1 };
    const page = await collectWindow({ ...source(row('1.5', '2026-09-27T00:00:00.770Z')), window });
    expect(Buffer.from(page.records[0]!).toString()).toBe(row('1.50', '2026-09-27T00:00:00.77Z'));
    await expect(collectWindow({ ...source(row('1.51', '2026-09-27T00:00:00.77Z')), window })).rejects.toMatchObject({
      kind: 'transient',
      transient: 'body',
      message: expect.stringContaining('trade 1 came twice with different contents'),
    });
  });
});

describe('collectBelow', () => {
  it('gives the greatest trades up to an id, descending', async () => {
    await fc.assert(
      fc.asyncProperty(
        venues,
        fc.nat(320),
        fc.integer({ min: 1, max: 50 }),
        async ([ids, pageLimit, dice], upTo, limit) => {
          const facts = await collectBelow({ ...oddVenue(ids, pageLimit, dice), upTo, limit });
          const expected = ids
            .filter((id) => id <= upTo)
            .toSorted((a, b) => b - a)
            .slice(0, limit);
          expect(facts).toEqual(expected.map(sampleTrade));
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses a limit of %d', async (limit) => {
    await expect(collectBelow({ ...oddVenue([1], 10, [0]), upTo: 5, limit })).rejects.toMatchObject({
      code: 'invalid-window',
    });
  });
});
