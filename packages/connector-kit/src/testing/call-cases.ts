import assert from 'node:assert/strict';
import type { ProbeAnswer } from '@schemahub/core';
import {
  assertFault,
  assertPage,
  holds,
  idsOf,
  PRODUCT,
  product,
  type StagedCase,
  tradeOf,
} from './conformance-stage.js';
import { sampleProduct, sampleTrades } from './sample-trades.js';

/** Heads, seeking and attestation. */
export const headAndProbe: readonly StagedCase[] = [
  [
    'the head is the newest row; a stale replica gives an older one; no trades give none',
    async (stage) => {
      holds(stage.venue, [1, 3000]);
      const head = await stage.connector.fetchHead(PRODUCT);
      assert.deepEqual(head?.trade, tradeOf(stage, 3000));
      assert.equal(head?.date, Date.parse('2026-09-27T15:57:30Z'));
      stage.venue.inject({ kind: 'stale', id: 2990 });
      assert.equal((await stage.connector.fetchHead(PRODUCT))?.trade.id, 2990);
      stage.venue.load([{ product, trades: [] }]);
      assert.equal(await stage.connector.fetchHead(PRODUCT), undefined);
    },
  ],
  [
    'a replica that lags behind a window gives what it has and never a wrong id',
    async (stage) => {
      holds(stage.venue, [1, 3000]);
      // However many pages the window takes, the replica answers all of them.
      stage.venue.inject(...Array.from({ length: 40 }, () => ({ kind: 'stale', id: 2500 }) as const));
      assertPage(stage, await stage.connector.fetchWindow(PRODUCT, { first: 2000, last: 2999 }), idsOf([2000, 2500]));
    },
  ],
  [
    'fetchBelow gives the greatest trades up to an id, descending, over holes and short pages',
    async (stage) => {
      holds(stage.venue, [1, 10], [500, 600]);
      const facts = await stage.connector.fetchBelow(PRODUCT, 505, 8);
      assert.deepEqual(
        facts,
        [505, 504, 503, 502, 501, 500, 10, 9].map((id) => tradeOf(stage, id)),
      );
      assert.deepEqual(await stage.connector.fetchBelow(PRODUCT, 499, 1), [tradeOf(stage, 10)]);
      assert.deepEqual(await stage.connector.fetchBelow(PRODUCT, 0, 1), []);
      stage.venue.inject({ kind: 'short-page', rows: 2 });
      assert.equal((await stage.connector.fetchBelow(PRODUCT, 505, 8)).length, 8);
      assert.equal((await stage.connector.fetchBelow(PRODUCT, 505, 1000)).length, 16);
    },
  ],
  [
    'a probe answers with exactly the rows that came',
    async (stage) => {
      holds(stage.venue, [1, 10], [500, 600]);
      const hole = await stage.connector.probe(PRODUCT, 500, { freshConnection: true, lower: 10 });
      assert.deepEqual(hole.ids, [500, 10]);
      assert.equal(hole.anchorTime, tradeOf(stage, 500).ts);
      assert.equal(hole.date, Date.parse('2026-09-27T15:57:30Z'));
      assert(stage.venue.urls().at(-1)!.endsWith(hole.request), `${hole.request} was not what was asked`);
      assert.deepEqual((await stage.connector.probe(PRODUCT, 1)).ids, [1]);
      const none = await stage.connector.probe(PRODUCT, 0);
      assert.deepEqual(none.ids, []);
      assert.equal(none.anchorTime, '');
      // A floor rests on two such answers, the second by its date 5 s later: without a date it is never proven.
      assert.equal(none.date, Date.parse('2026-09-27T15:57:30Z'));
    },
  ],
  [
    'a probe does not tidy up: a repeated row and a missing anchor are shown, an alien one is refused',
    async (stage) => {
      if (stage.paging === 'time') return;
      holds(stage.venue, [1, 10], [500, 600]);
      const probe = (): Promise<ProbeAnswer> => stage.connector.probe(PRODUCT, 500, { lower: 10 });
      stage.venue.inject({ kind: 'duplicate-rows' });
      assert.deepEqual((await probe()).ids, [500, 500, 10, 10]);
      stage.venue.inject({ kind: 'missing-row', id: 500 });
      assert.deepEqual((await probe()).ids, [10]);
      stage.venue.inject({ kind: 'alien-row', id: stage.paging === 'up' ? 9 : 501 });
      await assertFault(probe(), 'transient', 'body');
    },
  ],
];

/** Products, and ids that are awkward in a URL. */
export const catalogue: readonly StagedCase[] = [
  [
    'the catalogue lists every product; an unknown one is not found',
    async (stage) => {
      const { delisted = 'delisted' } = stage;
      const listed = [product, sampleProduct('ETH-EUR', 'offline'), sampleProduct('OLD-USD', 'delisted')];
      stage.venue.load(listed.map((each) => ({ product: each, trades: [] })));
      const products = listed.map((each) => (each.status === 'delisted' ? { ...each, status: delisted } : each));
      assert.deepEqual(await stage.connector.listProducts(), products);
      for (const each of products) assert.deepEqual(await stage.connector.findProduct(each.id), each);
      assert.equal(await stage.connector.findProduct('NOPE-USD'), undefined);
      stage.venue.inject({ kind: 'status', status: 503, type: 'json' });
      await assertFault(stage.connector.findProduct(PRODUCT), 'transient', 'server');
    },
  ],
  [
    'trades of an unknown product fail for that product alone',
    async (stage) => {
      holds(stage.venue, [1, 10]);
      const error = await assertFault(stage.connector.fetchWindow('NOPE-USD', { first: 0, last: 999 }), 'product');
      assert.equal(error.retryable, false);
      await assertFault(stage.connector.fetchHead('NOPE-USD'), 'product');
    },
  ],
  [
    'odd product ids reach the venue as one path segment',
    async (stage) => {
      for (const id of ['A/B-USD', 'Ä?B#-USD', '100%-USD', 'a b-USD', 'X&limit=1-USD']) {
        const odd = sampleProduct(id);
        stage.venue.load([{ product: odd, trades: sampleTrades([1, 5]) }]);
        assert.equal((await stage.connector.fetchHead(id))?.trade.id, 5, id);
        assert.deepEqual(await stage.connector.findProduct(id), odd);
      }
    },
  ],
];
