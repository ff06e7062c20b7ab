import { MessageChannel } from 'node:worker_threads';
import { tradesUnified } from '@schemahub/core';
import { BLOCK_IDS } from '@schemahub/lake';
import type { ObjectStore } from '@schemahub/object-store';
import type { BlockWorker } from './block-port.js';
import { serveBlocks } from './block-worker.js';
import type { TableEvent, TableOptions } from './context.js';
import { mapping, SOURCE, type TestLake, tradesOf, truthOf } from './test-lake.js';
import type { TransformResult } from './transform-result.js';

// Workers that share this thread but nothing else: what they are told and tell is cloned by a real channel.

export interface TestWorkers {
  readonly openWorkers: NonNullable<TableOptions['openWorkers']>;
  /** How many were asked for, one entry a run. */
  readonly asked: number[];
  /** Blocks that were handed to workers. */
  readonly blocks: () => number;
  /** Workers that were not closed. */
  readonly open: () => number;
}

export interface TestWorkersOptions {
  /** Default 2. */
  readonly threads?: number | undefined;
  /** What the workers read and write. Default the lake's. */
  readonly store?: ObjectStore | undefined;
  /** Called for every message to a worker; a text ends that worker instead, with this reason. */
  readonly onMessage?: ((message: { readonly type: string }) => string | undefined) | undefined;
  /** Called after the run took a message of a worker. */
  readonly onReply?: ((message: { readonly type: string }) => void) | undefined;
}

let workers = 0;

export function createTestWorkers(lake: TestLake, options: TestWorkersOptions = {}): TestWorkers {
  const { threads = 2, store = lake.store, onMessage, onReply } = options;
  const asked: number[] = [];
  let blocks = 0;
  let open = 0;
  const openOne = (): BlockWorker => {
    const { port1, port2 } = new MessageChannel();
    const { layout, clock } = lake;
    const runId = `worker-${workers++}`;
    serveBlocks({ store, layout, clock, runId, schema: tradesUnified, mappings: { [SOURCE]: mapping }, port: port2 });
    open += 1;
    let end: (reason: string) => void = () => undefined;
    const ended = new Promise<string>((resolve) => {
      end = resolve;
    });
    return {
      port: {
        on: (event, listener) =>
          port1.on(event, (message: { readonly type: string }) => {
            listener(message);
            onReply?.(message);
          }),
        postMessage: (message) => {
          const { type } = message as { type: string };
          if (type !== 'abort') blocks += 1;
          const reason = onMessage?.({ type });
          if (reason === undefined) port1.postMessage(message);
          else end(reason);
        },
      },
      ended,
      close: async () => {
        open -= 1;
        port1.close();
        end('closed');
      },
    };
  };
  return {
    asked,
    blocks: () => blocks,
    open: () => open,
    openWorkers: (most) => {
      asked.push(most);
      return Array.from({ length: Math.min(most, threads - 1) }, openOne);
    },
  };
}

/** First ids of blocks; an object lies at each. */
export const BLOCKS: readonly number[] = [0, 1, 2, 3].map((block) => block * BLOCK_IDS);

/** Ten trades at the beginning of each block. */
export async function putBlocks(lake: TestLake, blocks: readonly number[] = BLOCKS): Promise<void> {
  for (const first of blocks) await lake.put(tradesOf(first, first + 9));
}

export function truth(blocks: readonly number[] = BLOCKS): unknown {
  return truthOf(blocks.flatMap((first) => tradesOf(first, first + 9)));
}

export async function transformWith(
  lake: TestLake,
  options: TestWorkersOptions & {
    readonly mainStore?: ObjectStore;
    readonly events?: TableEvent[];
    readonly maxBad?: number;
  } = {},
): Promise<{ readonly result: TransformResult; readonly workers: TestWorkers }> {
  const workers = createTestWorkers(lake, options);
  const { mainStore: store = lake.store, events, maxBad } = options;
  const onEvent = (event: TableEvent): void => void events?.push(event);
  const table = lake.table({ store, onEvent, openWorkers: workers.openWorkers });
  const result = await table.transform({ products: [await lake.product()], maxBad });
  return { result, workers };
}
