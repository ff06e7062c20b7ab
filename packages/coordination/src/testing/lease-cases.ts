import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import type { ProcessIdentity } from '@schemahub/object-store';
import { CLOCKS_DIFFER_MS, type LeaseState, type LeaseStore } from '../lease-store.js';

/** A named check of a store of leases; throws when it breaks the port's promise. Needs no test runner. */
export interface LeaseStoreCase {
  readonly name: string;
  readonly run: (createStore: () => Promise<LeaseStore>) => Promise<void>;
}

/** Whole seconds: stores may keep no more. */
const NOW = 1_800_000_000_000;
const TTL = 120_000;
const holder: ProcessIdentity = { host: 'host "ä"', pid: 7, startedAt: '1' };

function state(lockId: string, now = NOW): LeaseState {
  return { lockId, holder, acquiredAt: now, renewedAt: now, expiresAt: now + TTL };
}

const free = { now: NOW, dead: undefined };

const cases: readonly LeaseStoreCase[] = [
  {
    name: 'a lease is taken once, and the second is shown the first',
    run: async (createStore) => {
      const store = await createStore();
      strictEqual(await store.take('product:coinbase:BTC-USD', state('a'), free), undefined);
      deepStrictEqual(await store.take('product:coinbase:BTC-USD', state('b'), free), state('a'));
      strictEqual(await store.take('product:coinbase:ETH-USD', state('b'), free), undefined);
    },
  },
  {
    name: 'of 50 takers at once exactly one has it',
    run: async (createStore) => {
      const store = await createStore();
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, i) => store.take('p', state(`lock ${i}`), free)),
      );
      const winners = answers.flatMap((answer, i) => (answer === undefined ? [`lock ${i}`] : []));
      strictEqual(winners.length, 1);
      strictEqual(await store.renew('p', winners[0]!, { renewedAt: NOW, expiresAt: NOW + TTL }), true);
    },
  },
  {
    name: 'one that is over is taken over, not a moment before',
    run: async (createStore) => {
      const store = await createStore();
      await store.take('p', state('a'), free);
      ok((await store.take('p', state('b', NOW + TTL - 1), { now: NOW + TTL - 1, dead: undefined })) !== undefined);
      strictEqual(await store.take('p', state('b', NOW + TTL), { now: NOW + TTL, dead: undefined }), undefined);
      strictEqual(await store.renew('p', 'a', { renewedAt: NOW, expiresAt: NOW + 2 * TTL }), false);
      strictEqual(await store.renew('p', 'b', { renewedAt: NOW, expiresAt: NOW + 2 * TTL }), true);
    },
  },
  {
    name: 'one that was renewed stays until its new end',
    run: async (createStore) => {
      const store = await createStore();
      await store.take('p', state('a'), free);
      strictEqual(await store.renew('p', 'a', { renewedAt: NOW + 30_000, expiresAt: NOW + 30_000 + TTL }), true);
      const held = await store.take('p', state('b'), { now: NOW + TTL, dead: undefined });
      deepStrictEqual(held, { ...state('a'), renewedAt: NOW + 30_000, expiresAt: NOW + 30_000 + TTL });
    },
  },
  {
    name: 'one that a clock far ahead wrote is no lease',
    run: async (createStore) => {
      const store = await createStore();
      await store.take('p', state('a', NOW + CLOCKS_DIFFER_MS + 1000), free);
      strictEqual(await store.take('p', state('b'), free), undefined);
      await store.take('q', state('a', NOW + CLOCKS_DIFFER_MS), free);
      ok((await store.take('q', state('b'), free)) !== undefined);
    },
  },
  {
    name: 'one whose holder is known to be dead goes to one of many that know it',
    run: async (createStore) => {
      const store = await createStore();
      await store.take('p', state('dead'), free);
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) => store.take('p', state(`lock ${i}`), { now: NOW, dead: 'dead' })),
      );
      strictEqual(answers.filter((answer) => answer === undefined).length, 1);
    },
  },
  {
    name: 'release frees what is ours, and nothing else',
    run: async (createStore) => {
      const store = await createStore();
      await store.release('p', 'nobody');
      await store.take('p', state('a'), free);
      await store.release('p', 'b');
      ok((await store.take('p', state('b'), free)) !== undefined);
      await store.release('p', 'a');
      strictEqual(await store.take('p', state('b'), free), undefined);
      strictEqual(await store.renew('p', 'a', { renewedAt: NOW, expiresAt: NOW + TTL }), false);
      strictEqual(await store.renew('absent', 'a', { renewedAt: NOW, expiresAt: NOW + TTL }), false);
    },
  },
  {
    name: 'taking again under the same lock id is the same taking: an answer may have been lost',
    run: async (createStore) => {
      const store = await createStore();
      await store.take('p', state('a'), free);
      const again = await store.take('p', state('a'), free);
      ok(again === undefined || again.lockId === 'a');
    },
  },
];

/** What every store of leases must keep: run each case against a fresh, empty one. */
export function leaseStoreConformance(): readonly LeaseStoreCase[] {
  return cases;
}
