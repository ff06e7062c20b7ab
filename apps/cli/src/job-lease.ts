import type { OpenLake } from '@schemahub/runtime/lake';
import type { Invocation } from './command.js';
import { exitCodes } from './exit-codes.js';

/**
 * Runs a job that only one process at a time should do on a lake. Another one that works would harm nothing, only do
 * the work twice. Held elsewhere: a sentence, exit 5; with `waitMs` it is tried again until then.
 */
export async function withJobLease(
  invocation: Invocation,
  lake: OpenLake,
  work: () => Promise<number>,
  waitMs = 0,
): Promise<number> {
  if (invocation.dryRun) return await work();
  const deadline = lake.clock.now() + waitMs;
  for (;;) {
    const acquired = await lake.leases.acquire(
      `job:${invocation.command === 'run' ? 'transform' : invocation.command}`,
    );
    if (acquired.kind === 'held') {
      try {
        return await work();
      } finally {
        await acquired.lease.release();
      }
    }
    const now = lake.clock.now();
    if (now >= deadline) {
      invocation.io.err(
        `${invocation.command}: process ${acquired.holder.pid} is doing this on ${lake.store.location} already (until ${new Date(acquired.expiresAt).toISOString()} unless it renews). Nothing was done; run it again later.\n`,
      );
      return exitCodes.held;
    }
    await lake.clock.sleep(Math.min(1000, deadline - now), invocation.stop);
  }
}
