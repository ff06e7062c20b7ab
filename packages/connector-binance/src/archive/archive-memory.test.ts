import { RangeSet } from '@schemahub/coverage';
import { describe, expect, it } from 'vitest';
import { archivePages } from './archive-pages.js';
import { surveyRows } from './archive-rows.js';

const ROWS = 400_000;
const GRID = 1000;
const CHUNK_ROWS = 900;
/** What the README promises: rows in hand, whatever the file's size and order. */
const MOST_HELD = 100_000;

const rowOf = (id: number): string => `${id},1.00000000,2.00000000,2.00000000,1735689600010866,False,True\n`;

/** The place of the n-th row of a file in each order that was seen, and in none. */
const orders: Readonly<Record<string, (n: number) => number>> = {
  ascending: (n) => n,
  'two halves, interleaved': (n) => (n % 2) * (ROWS / 2) + Math.floor(n / 2),
  descending: (n) => ROWS - 1 - n,
  // A prime step meets every id once, each far from the one before.
  'in no order': (n) => (n * 150_001) % ROWS,
};

/** A file as chunks; `atPull` is told how many rows were read whenever the next chunk is asked for. */
async function* chunksOf(place: (n: number) => number, atPull: (read: number) => void): AsyncGenerator<Uint8Array> {
  for (let read = 0; read < ROWS; ) {
    let text = '';
    for (const end = Math.min(ROWS, read + CHUNK_ROWS); read < end; read++) text += rowOf(place(read));
    yield Buffer.from(text, 'latin1');
    atPull(read);
  }
}

describe('the memory of a file of the archive', () => {
  it.each(Object.entries(orders))('holds at most 100,000 rows and a chunk of them: %s', async (_name, place) => {
    let given = 0;
    let mostHeld = 0;
    const ids = new Set<number>();
    const chunks = chunksOf(place, (read) => {
      mostHeld = Math.max(mostHeld, read - given);
    });
    const wanted = RangeSet.of(0, ROWS - 1);
    const timeOf = (): string => '';
    for await (const page of archivePages({ chunks, wanted, gridSize: GRID, timeOf, receivedAt: 0, date: undefined })) {
      given += page.ids.length;
      for (const id of page.ids) ids.add(id);
    }
    expect([given, ids.size]).toEqual([ROWS, ROWS]);
    expect(mostHeld).toBeLessThanOrEqual(MOST_HELD + CHUNK_ROWS);
  });

  it('of one in order is a cell of the grid, however long it is', async () => {
    let given = 0;
    let mostHeld = 0;
    const chunks = chunksOf(
      (n) => n,
      (read) => {
        mostHeld = Math.max(mostHeld, read - given);
      },
    );
    const wanted = RangeSet.of(0, ROWS - 1);
    const timeOf = (): string => '';
    for await (const page of archivePages({ chunks, wanted, gridSize: GRID, timeOf, receivedAt: 0, date: undefined }))
      given += page.ids.length;
    expect(mostHeld).toBeLessThan(GRID + CHUNK_ROWS);
  });

  it('is nothing but runs of ids while it is looked through', async () => {
    const { ids, unreadable, repeated } = await surveyRows(
      chunksOf(orders['two halves, interleaved']!, () => {}),
    ).catch((error: unknown) => ({ ids: String(error), unreadable: 0, repeated: 0 }));
    // Two halves row by row are as many runs as rows: more of them than are worth following are told, not kept.
    expect([ids, unreadable, repeated]).toEqual([expect.stringMatching(/its rows are in no order/), 0, 0]);
    const sorted = await surveyRows(chunksOf(orders.ascending!, () => {}));
    expect(sorted.ids.toString()).toBe(`0-${ROWS - 1}`);
  });
});
