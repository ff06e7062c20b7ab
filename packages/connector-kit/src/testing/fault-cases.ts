import assert from 'node:assert/strict';
import type { ExchangeErrorKind, TransientCause } from '@schemahub/core';
import {
  assertFault,
  assertPage,
  CONFORMANCE_TIMEOUT_MS,
  holds,
  idsOf,
  PRODUCT,
  type StagedCase,
} from './conformance-stage.js';
import type { VenueFault } from './simulated-venue.js';

const FAULTS: readonly (readonly [fault: VenueFault, kind: ExchangeErrorKind, transient?: TransientCause])[] = [
  [{ kind: 'status', status: 429, type: 'json' }, 'rate'],
  [{ kind: 'status', status: 429, type: 'html' }, 'rate'],
  [{ kind: 'status', status: 500, type: 'json' }, 'transient', 'server'],
  [{ kind: 'status', status: 502, type: 'html' }, 'transient', 'server'],
  [{ kind: 'status', status: 520, type: 'html' }, 'transient', 'server'],
  [{ kind: 'status', status: 200, type: 'html' }, 'transient', 'body'],
  [{ kind: 'status', status: 401, type: 'json' }, 'forbidden'],
  [{ kind: 'status', status: 451, type: 'json' }, 'forbidden'],
  [{ kind: 'truncated-body' }, 'transient', 'body'],
  [{ kind: 'short-of-length' }, 'transient', 'body'],
  [{ kind: 'malformed-body' }, 'transient', 'body'],
  [{ kind: 'reset' }, 'transient', 'connection'],
  [{ kind: 'reset-mid-body' }, 'transient', 'connection'],
];

/** Every way to fail has its kind; a time-out and an abort are told apart from the rest. */
export const faults: readonly StagedCase[] = [
  ...FAULTS.map(
    ([fault, kind, transient]): StagedCase => [
      `${Object.values(fault).join(' ')} is ${[kind, transient].filter(Boolean).join(' ')}, and the next request works`,
      async (stage) => {
        holds(stage.venue, [1, 300]);
        stage.venue.inject(fault);
        const window = { first: 1, last: 300 };
        const error = await assertFault(stage.connector.fetchWindow(PRODUCT, window), kind, transient);
        assert.equal(error.retryable, kind === 'rate' || kind === 'transient');
        assert(error.message.length > 20, 'the message says what, where and what to do');
        assertPage(stage, await stage.connector.fetchWindow(PRODUCT, window), idsOf([1, 300]));
      },
    ],
  ),
  [
    'a 429 hands its Retry-After on',
    async (stage) => {
      holds(stage.venue, [1, 300]);
      stage.venue.inject({ kind: 'status', status: 429, type: 'json', retryAfter: '7' });
      assert.equal((await assertFault(stage.connector.fetchHead(PRODUCT), 'rate')).retryAfterMs, 7000);
    },
  ],
  [
    'silence ends at the time-out, not before',
    async (stage) => {
      holds(stage.venue, [1, 300]);
      stage.venue.inject({ kind: 'silence' });
      let settled = false;
      const call = assertFault(stage.connector.fetchHead(PRODUCT), 'transient', 'timeout').finally(() => {
        settled = true;
      });
      await stage.clock.whenSleeping();
      await stage.clock.advance(CONFORMANCE_TIMEOUT_MS - 1);
      assert.equal(settled, false);
      await stage.clock.advance(1);
      await call;
      assert.equal(stage.clock.sleepers(), 0);
    },
  ],
  [
    'an abort before and during a call rejects with its own reason',
    async (stage) => {
      holds(stage.venue, [1, 300]);
      const reason = new Error('stop now');
      const isReason = (error: unknown): boolean => error === reason;
      const calls = (signal: AbortSignal): readonly (() => Promise<unknown>)[] => [
        () => stage.connector.fetchWindow(PRODUCT, { first: 1, last: 300 }, { signal }),
        () => stage.connector.fetchHead(PRODUCT, { signal }),
        () => stage.connector.fetchBelow(PRODUCT, 10, 1, { signal }),
        () => stage.connector.probe(PRODUCT, 10, { signal }),
        () => stage.connector.listProducts({ signal }),
        () => stage.connector.findProduct(PRODUCT, { signal }),
      ];
      for (const call of calls(AbortSignal.abort(reason))) await assert.rejects(call, isReason);
      assert.equal(stage.venue.urls().length, 0, 'nothing is sent after an abort');
      for (let at = 0; at < 6; at++) {
        const controller = new AbortController();
        stage.venue.inject({ kind: 'silence' });
        const call = calls(controller.signal)[at]!();
        await stage.clock.whenSleeping();
        controller.abort(reason);
        await assert.rejects(call, isReason);
        assert.equal(stage.clock.sleepers(), 0);
      }
    },
  ],
];
