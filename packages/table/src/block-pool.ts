import { createBlockDeriver } from './block-deriver.js';
import type { BlockDeriver } from './block-work.js';
import { connectBlockWorker } from './block-worker.js';
import type { TableContext } from './context.js';

/** Hands blocks to the threads of a run in the order in which they were queued; without workers one after the other. */
export interface BlockPool {
  /**
   * Queues a block; `work` begins when its turn comes. As soon as one fails, none begins any more; of several that fail
   * the first queued is told, as if one thread had met it.
   */
  readonly run: <T>(work: (deriver: BlockDeriver, signal: AbortSignal) => Promise<T>) => Promise<T>;
}

interface Job {
  readonly number: number;
  readonly controller: AbortController;
  readonly begin: (deriver: BlockDeriver) => Promise<void>;
  readonly reject: (error: unknown) => void;
}

/** Runs `use` with this thread and as many workers as `blocks` can keep busy; nothing of them is at work afterwards. */
export async function withBlockPool<T>(
  context: TableContext,
  blocks: number,
  use: (pool: BlockPool) => Promise<T>,
): Promise<T> {
  const workers = blocks > 1 ? context.openWorkers(blocks - 1) : [];
  const derivers = [createBlockDeriver(context), ...workers.map((worker) => connectBlockWorker(context, worker))];
  const { pool, stop } = createBlockPool(derivers);
  const onAbort = (): void => stop(context.signal?.reason);
  if (context.signal?.aborted === true) onAbort();
  context.signal?.addEventListener('abort', onAbort);
  try {
    return await use(pool);
  } finally {
    context.signal?.removeEventListener('abort', onAbort);
    await Promise.all(workers.map(({ close }) => close()));
  }
}

/** `stop` ends the pool with an error, however far it is. */
function createBlockPool(derivers: readonly BlockDeriver[]): {
  readonly pool: BlockPool;
  readonly stop: (reason: unknown) => void;
} {
  const idle = [...derivers];
  const queue: Job[] = [];
  const running = new Set<Job>();
  const failed: Job[] = [];
  let failure: { readonly number: number; readonly error: unknown } | undefined;
  let queued = 0;

  const fail = (number: number, error: unknown): void => {
    if (failure === undefined || number < failure.number) failure = { number, error };
    for (const job of running) if (job.number > failure.number) job.controller.abort(failure.error);
  };
  /** Failures are told when nothing is at work any more: what comes after may rely on it. */
  const settle = (): void => {
    if (failure === undefined || running.size > 0) return;
    for (const job of [...failed.splice(0), ...queue.splice(0)]) job.reject(failure.error);
  };
  const work = async (job: Job, deriver: BlockDeriver): Promise<void> => {
    running.add(job);
    try {
      await job.begin(deriver);
    } catch (error) {
      failed.push(job);
      fail(job.number, error);
    }
    running.delete(job);
    idle.push(deriver);
    advance();
  };
  const advance = (): void => {
    while (failure === undefined && queue.length > 0 && idle.length > 0) void work(queue.shift()!, idle.shift()!);
    settle();
  };
  return {
    pool: {
      run: (begin) =>
        new Promise((resolve, reject) => {
          const controller = new AbortController();
          const run: Job['begin'] = async (deriver) => resolve(await begin(deriver, controller.signal));
          queue.push({ number: queued++, controller, begin: run, reject });
          advance();
        }),
    },
    stop: (reason) => {
      fail(-1, reason);
      settle();
    },
  };
}
