import assert from 'node:assert/strict';
import {
  assertAround,
  assertFault,
  assertPage,
  holds,
  idsOf,
  PRODUCT,
  type Stage,
  type StagedCase,
} from './conformance-stage.js';

/** Whether the first page of a window holds its newest rows. */
function isDown({ paging = 'down' }: Stage): boolean {
  return paging === 'down';
}

/** A window holds every trade that exists in it, once. */
export const completeness: readonly StagedCase[] = [
  [
    'a dense window takes one request and gives every trade once, ascending',
    async (stage) => {
      holds(stage.venue, [1, 3500]);
      const page = await stage.connector.fetchWindow(PRODUCT, { first: 1000, last: 1999 });
      assertPage(stage, page, idsOf([1000, 1999]));
      assert.equal(page.requests, stage.venue.urls().length);
      assert.equal(page.receivedAt, stage.clock.now());
      assert.equal(page.date, Date.parse('2026-09-27T15:57:30Z'));
      assertAround(stage, page, undefined, undefined);
    },
  ],
  [
    'holes inside and at both ends of a window leave exactly the trades that exist',
    async (stage) => {
      holds(stage.venue, [1, 990], [1003, 1100], [1146, 1500], [1502, 1990], [2500, 2600]);
      const page = await stage.connector.fetchWindow(PRODUCT, { first: 1000, last: 1999 });
      assertPage(stage, page, idsOf([1003, 1100], [1146, 1500], [1502, 1990]));
      assertAround(stage, page, 990, 2500);
    },
  ],
  [
    'a hole wider than a page gives no row and says where the next one is',
    async (stage) => {
      holds(stage.venue, [1, 2000], [9000, 9500]);
      const page = await stage.connector.fetchWindow(PRODUCT, { first: 7000, last: 7999 });
      assertPage(stage, page, []);
      assertAround(stage, page, 2000, 9000);
    },
  ],
  [
    'nothing at or below a window is an empty page',
    async (stage) => {
      holds(stage.venue, [5000, 5100]);
      const page = await stage.connector.fetchWindow(PRODUCT, { first: 1000, last: 1999 });
      assertPage(stage, page, []);
      assertAround(stage, page, undefined, 5000);
    },
  ],
  [
    'a product with fewer trades than a page is complete, from its first id on',
    async (stage) => {
      holds(stage.venue, [3, 640]);
      assertPage(stage, await stage.connector.fetchWindow(PRODUCT, { first: 0, last: 999 }), idsOf([3, 640]));
    },
  ],
  [
    'a window of one id asks for that id alone',
    async (stage) => {
      holds(stage.venue, [1, 100], [102, 200]);
      assertPage(stage, await stage.connector.fetchWindow(PRODUCT, { first: 50, last: 50 }), [50]);
      const empty = await stage.connector.fetchWindow(PRODUCT, { first: 101, last: 101 });
      assertPage(stage, empty, []);
      assertAround(stage, empty, 100, 102);
    },
  ],
  [
    'windows side by side cover a history with holes exactly',
    async (stage) => {
      const held = [
        [2, 700],
        [2300, 2301],
        [2999, 4200],
        [4207, 4990],
      ] as const;
      holds(stage.venue, ...held);
      const seen: number[] = [];
      for (let first = 0; first < 5000; first += 1000) {
        seen.push(...(await stage.connector.fetchWindow(PRODUCT, { first, last: first + 999 })).ids);
      }
      assert.deepEqual(seen, idsOf(...held));
    },
  ],
  [
    'ids near 2^53 keep their last digit',
    async (stage) => {
      const top = Number.MAX_SAFE_INTEGER - 1;
      holds(stage.venue, [top - 20, top]);
      assertPage(
        stage,
        await stage.connector.fetchWindow(PRODUCT, { first: top - 9, last: top }),
        idsOf([top - 9, top]),
      );
    },
  ],
  [
    'a window that is none is refused before anything is sent',
    async (stage) => {
      for (const window of [
        { first: 5, last: 4 },
        { first: -1, last: 4 },
        { first: 0.5, last: 4 },
        { first: 0, last: Number.NaN },
      ]) {
        await assert.rejects(stage.connector.fetchWindow(PRODUCT, window), { name: 'ConnectorError' });
      }
      assert.equal(stage.venue.urls().length, 0);
    },
  ],
];

/** What exchanges do to pages: cut, repeat, reorder, contradict. */
export const oddPages: readonly StagedCase[] = [
  [
    'a short page is continued to the low end of its window',
    async (stage) => {
      holds(stage.venue, [1, 3000]);
      stage.venue.inject({ kind: 'short-page', rows: 37 }, { kind: 'short-page', rows: 1 });
      const page = await stage.connector.fetchWindow(PRODUCT, { first: 1000, last: 1999 });
      assertPage(stage, page, idsOf([1000, 1999]));
      assert.equal(page.requests, stage.venue.urls().length);
    },
  ],
  [
    'a row that one reply lacks is absent, and there in the next reply',
    async (stage) => {
      holds(stage.venue, [1, 3000]);
      // A venue that pages by time answers other requests first, to find the window.
      if (stage.paging === 'time') return;
      const id = isDown(stage) ? 1997 : 1003;
      stage.venue.inject({ kind: 'missing-row', id });
      const window = { first: 1000, last: 1999 };
      assertPage(stage, await stage.connector.fetchWindow(PRODUCT, window), idsOf([1000, id - 1], [id + 1, 1999]));
      assertPage(stage, await stage.connector.fetchWindow(PRODUCT, window), idsOf([1000, 1999]));
    },
  ],
  [
    'rows that come twice are kept once',
    async (stage) => {
      holds(stage.venue, [1, 300]);
      stage.venue.inject({ kind: 'duplicate-rows' });
      assertPage(stage, await stage.connector.fetchWindow(PRODUCT, { first: 1, last: 300 }), idsOf([1, 300]));
    },
  ],
  [
    'rows in any order come out in id order',
    async (stage) => {
      holds(stage.venue, [1, 301]);
      stage.venue.inject({ kind: 'unsorted-rows' });
      assertPage(stage, await stage.connector.fetchWindow(PRODUCT, { first: 1, last: 301 }), idsOf([1, 301]));
    },
  ],
  [
    'ids as texts are the same ids',
    async (stage) => {
      holds(stage.venue, [1, 300]);
      stage.venue.inject({ kind: 'string-ids' });
      assertPage(stage, await stage.connector.fetchWindow(PRODUCT, { first: 1, last: 300 }), idsOf([1, 300]));
    },
  ],
  [
    'one id with two contents breaks the contract',
    async (stage) => {
      holds(stage.venue, [1, 300]);
      stage.venue.inject({ kind: 'conflicting-row', id: isDown(stage) ? 298 : 3 });
      await assertFault(stage.connector.fetchWindow(PRODUCT, { first: 1, last: 300 }), 'transient', 'body');
    },
  ],
  [
    'a row that was not asked for breaks the contract',
    async (stage) => {
      if (stage.paging === 'time') return;
      holds(stage.venue, [1, 300]);
      stage.venue.inject({ kind: 'alien-row', id: stage.paging === 'up' ? 49 : 201 });
      await assertFault(stage.connector.fetchWindow(PRODUCT, { first: 50, last: 200 }), 'transient', 'body');
    },
  ],
  [
    'a row without an id, or with one that is no id, breaks the contract',
    async (stage) => {
      // A venue that pages by time has had rows without ids.
      if (stage.paging === 'time') return;
      holds(stage.venue, [1, 300]);
      const window = { first: 1, last: 200 };
      stage.venue.inject({ kind: 'row-without-id' });
      await assertFault(stage.connector.fetchWindow(PRODUCT, window), 'transient', 'body');
      for (const id of [-1, 1.5, 2 ** 53]) {
        stage.venue.inject({ kind: 'alien-row', id });
        await assertFault(stage.connector.fetchWindow(PRODUCT, window), 'transient', 'body');
      }
    },
  ],
];
