import { createBlockDeriver } from './block-deriver.js';
import type { BlockPort, BlockWorker } from './block-port.js';
import type { BlockDeriver, BlockHooks, DeriveTask, RederiveTask } from './block-work.js';
import { createContext, type TableContext, type TableEvent, type TableOptions } from './context.js';
import { type RefusedSample, TableError } from './errors.js';
import { errorFromPlain, errorToPlain, fromPlain, toPlain } from './plain-data.js';
import { productKey } from './raw-product.js';
import type { StageReport } from './stopwatch.js';

// One block at a time, and messages keep their order: nothing needs a number. An `abort` that comes after the last word
// about a block finds nothing to end.

type Request =
  | { readonly type: 'derive'; readonly task: DeriveTask }
  | { readonly type: 'rederive'; readonly task: RederiveTask }
  | { readonly type: 'abort' };

type Reply =
  | { readonly type: 'event'; readonly event: TableEvent }
  | { readonly type: 'refused'; readonly refused: number; readonly samples: readonly RefusedSample[] }
  | { readonly type: 'done'; readonly result: unknown; readonly stages: readonly StageReport[] }
  | { readonly type: 'failed'; readonly error: ReturnType<typeof errorToPlain> };

export interface ServeBlocksOptions extends Omit<TableOptions, 'onEvent' | 'signal' | 'openWorkers'> {
  /** To the run that owns this thread. */
  readonly port: BlockPort;
}

/**
 * The other end of `openWorkers`: derives the blocks that arrive at the port, one at a time, until the thread is ended.
 * The options are those of the run, but for `runId`: each thread names its files by one of its own. Throws `TableError`
 * `invalid-option`.
 */
export function serveBlocks({ port, ...options }: ServeBlocksOptions): void {
  const send = (reply: Reply): void => port.postMessage(reply);
  let controller = new AbortController();
  const serve = async (request: Work): Promise<void> => {
    controller = new AbortController();
    // A context of the block's own but for the columns that blocks hand on: its stopwatch is told with its result.
    const context = { ...createContext({ ...options, onEvent: (event) => send({ type: 'event', event }) }), ...kept };
    const deriver = createBlockDeriver(context);
    const hooks: BlockHooks = {
      signal: controller.signal,
      onRefused: (refused, samples) => send({ type: 'refused', refused, samples: samples() }),
    };
    try {
      const result =
        request.type === 'derive'
          ? await deriver.derive(request.task, hooks)
          : await deriver.rederive(request.task, hooks);
      send({ type: 'done', result: toPlain(result), stages: context.stopwatch.report() });
    } catch (error) {
      send({ type: 'failed', error: errorToPlain(error) });
    }
  };
  const { spare, nextFileNumber } = createContext(options);
  const kept = { spare, nextFileNumber };
  port.on('message', (message) => {
    const request = fromPlain(message) as Request;
    if (request.type === 'abort') controller.abort();
    else void serve(request);
  });
}

type Work = Exclude<Request, { type: 'abort' }>;

interface Waiting {
  readonly task: Work['task'];
  readonly hooks: BlockHooks;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** A worker as a deriver of the run. One that ends in the midst of a block fails it: `TableError` `worker-ended`. */
export function connectBlockWorker(context: TableContext, { port, ended }: BlockWorker): BlockDeriver {
  let waiting: Waiting | undefined;
  let reasonOfEnd: string | undefined;
  /** What a hook threw: the block is ended, and this is why. */
  let thrown: { readonly error: unknown } | undefined;

  const finish = (use: (block: Waiting) => void): void => {
    const block = waiting;
    waiting = undefined;
    if (block !== undefined) use(block);
  };
  const onReply: { readonly [Type in Reply['type']]: (reply: Extract<Reply, { type: Type }>) => void } = {
    event: ({ event }) => context.emit(event),
    refused: ({ refused, samples }) => {
      try {
        waiting?.hooks.onRefused?.(refused, () => samples);
      } catch (error) {
        thrown ??= { error };
        port.postMessage({ type: 'abort' } satisfies Request);
      }
    },
    done: ({ result, stages }) => {
      context.stopwatch.merge(stages);
      finish(({ resolve, reject }) => (thrown === undefined ? resolve(fromPlain(result)) : reject(thrown.error)));
    },
    failed: ({ error }) =>
      finish(({ hooks, reject }) => {
        // Ended by us: our reason is the one to tell.
        if (thrown !== undefined) reject(thrown.error);
        else reject(hooks.signal.aborted ? hooks.signal.reason : errorFromPlain(error));
      }),
  };
  port.on('message', (message) => {
    const reply = message as Reply;
    (onReply[reply.type] as ((reply: Reply) => void) | undefined)?.(reply);
  });
  void ended.then((reason) => {
    reasonOfEnd = reason;
    finish(({ task, reject }) => reject(workerEnded(task, reason)));
  });

  const ask = async (request: Work, hooks: BlockHooks): Promise<unknown> => {
    hooks.signal.throwIfAborted();
    thrown = undefined;
    const abort = (): void => port.postMessage({ type: 'abort' } satisfies Request);
    hooks.signal.addEventListener('abort', abort);
    try {
      return await new Promise((resolve, reject) => {
        waiting = { task: request.task, hooks, resolve, reject };
        if (reasonOfEnd === undefined) port.postMessage(toPlain(request));
        else finish(({ task }) => reject(workerEnded(task, reasonOfEnd!)));
      });
    } finally {
      hooks.signal.removeEventListener('abort', abort);
    }
  };
  return {
    derive: async (task, hooks) => (await ask({ type: 'derive', task }, hooks)) as never,
    rederive: async (task, hooks) => (await ask({ type: 'rederive', task }, hooks)) as never,
  };
}

function workerEnded({ product, plan }: Work['task'], reason: string): TableError {
  return new TableError(
    'worker-ended',
    `${productKey(product)}: the thread that derived block ${plan.block} ended in the midst of it (${reason}). Nothing was committed. Run it again; with --threads 1 the run needs the memory of one block only.`,
  );
}
