import { createCircuitBreaker } from '@schemahub/circuit-breaker';
import { createFifoQueue, createRateLimiter } from '@schemahub/rate-limit';
import type { IngestContext } from '../context.js';
import { createGuardedTransport, type GuardedTransport } from '../guarded-transport.js';
import { createSimBench, type SimBench, type SimBenchOptions } from './sim-bench.js';

/** What the exchange allows, and what a run may use of it. */
export const CEILING = 10;

/** A bench behind the real limiter and breaker at 10 requests a second, and an exchange that takes 1.8 s an answer. */
export function createPacedBench(options: SimBenchOptions): SimBench & { readonly context: Partial<IngestContext> } {
  let guarded: GuardedTransport | undefined;
  const bench = createSimBench({
    rateLimit: { ratePerSecond: CEILING, burst: 15 },
    latencyMs: { mean: 1800, sigma: 0.5 },
    guard: (transport, clock) => {
      guarded = createGuardedTransport({
        transport,
        limiter: createRateLimiter({
          budgets: { requests: { rate: CEILING, burst: 5 } },
          clock,
          createQueue: createFifoQueue,
        }),
        breaker: createCircuitBreaker({ name: 'coinbase', clock }),
        clock,
        maxWaitMs: 15 * 60_000,
        onEvent: () => undefined,
      });
      return guarded;
    },
    ...options,
  });
  return { ...bench, context: { load: () => guarded!.load() } };
}
