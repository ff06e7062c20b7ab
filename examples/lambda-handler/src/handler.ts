// Fetches what was traded since the last call into a bucket. A function has 15 minutes at most: it stops in time, with a
// clean checkpoint, and the next call goes on. So a year of history is many calls of the same function.
import { createCheckpointStore } from '@schemahub/checkpoint';
import { createCircuitBreaker } from '@schemahub/circuit-breaker';
import { coinbasePolicy, createCoinbaseConnector } from '@schemahub/connector-coinbase';
import { createFetchTransport, type FetchLike } from '@schemahub/connector-kit';
import { createDocuments, createLeases } from '@schemahub/coordination';
import type { Clock } from '@schemahub/core';
import { createByteBudget, createGuardedTransport, ingestDefaults, runIngest } from '@schemahub/ingest';
import { createIdReader, createLayout } from '@schemahub/lake';
import { currentProcess, type ObjectStore } from '@schemahub/object-store';
import { createRateLimiter } from '@schemahub/rate-limit';

/** Kept for writing what is in hand and freeing the leases. */
const RESERVED_MS = 15_000;

export interface HandlerOptions {
  readonly store: ObjectStore;
  readonly clock: Clock;
  /** Default: the platform's. */
  readonly fetch?: FetchLike | undefined;
}

/** What starts it: `{ "products": ["BTC-USD"], "mode": "backfill" }`. */
export interface Event {
  readonly products: readonly string[];
  readonly mode?: 'ingest' | 'backfill' | undefined;
}

export interface Answer {
  /** False: call again, there is more. */
  readonly complete: boolean;
  readonly products: readonly { readonly id: string; readonly state: string; readonly missing: number | undefined }[];
}

/** Once per container: the limiter and the breaker live as long as it does. */
export function createHandler({ store, clock, fetch }: HandlerOptions) {
  const [layout, documents, policy] = [createLayout(), createDocuments(store), coinbasePolicy()];
  const checkpoints = createCheckpointStore({ documents, keyOf: layout.checkpoint });
  const [holder, createId, onEvent] = [currentProcess(), () => crypto.randomUUID(), () => undefined];
  const leases = createLeases({ documents, clock, holder, createId, keyOf: layout.lock });
  const transport = createGuardedTransport({
    transport: createFetchTransport({ policy, clock, fetch }),
    limiter: createRateLimiter({ budgets: policy.budgets, clock }),
    breaker: createCircuitBreaker({ name: 'coinbase', clock }),
    clock,
    maxWaitMs: 60_000,
    onEvent,
  });
  const connector = createCoinbaseConnector({ transport, clock });
  const readId = createIdReader('trade_id');
  const budget = createByteBudget(64 * 1024 * 1024);

  return async (event: Event, context: { getRemainingTimeInMillis: () => number }): Promise<Answer> => {
    const left = context.getRemainingTimeInMillis() - RESERVED_MS;
    const stop = left > 0 ? AbortSignal.timeout(left) : AbortSignal.abort();
    const settings = { ...ingestDefaults, mode: event.mode ?? ('ingest' as const) };
    const { products, unavailable } = await runIngest(
      {
        connector,
        store,
        layout,
        checkpoints,
        leases,
        readId,
        clock,
        random: Math.random,
        budget,
        settings,
        onEvent,
        stop,
      },
      event.products,
    );
    // An error of the invocation: the platform tries again, and an alarm on errors rings.
    if (unavailable !== undefined) throw unavailable;
    return {
      complete: products.every(({ state }) => state === 'complete'),
      products: products.map(({ productId, state, account }) => ({
        id: productId,
        state,
        missing: account?.missing.count,
      })),
    };
  };
}
