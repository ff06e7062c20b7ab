import { type MessagePort, Worker } from 'node:worker_threads';
import type { TableSchema } from '@schemahub/columns';
import { systemClock } from '@schemahub/connector-kit/clock';
import type { Mapping } from '@schemahub/mapping-engine';
import { type BlockPort, type BlockWorker, serveBlocks, type TableOptions } from '@schemahub/table';
import { type Config, configFromPlain, configToPlain, type PlainConfig } from './config.js';
import { openStore } from './lake-store.js';
import { addRequests, countRequests, createRequestCounts, type RequestCounts } from './request-counts.js';
import { addTraffic, createTraffic, type Traffic } from './traffic.js';

/** What a thread is begun with. */
interface BlockThreadStart {
  readonly config: PlainConfig;
  readonly schema: TableSchema;
  readonly mappings: Readonly<Record<string, Mapping>>;
  readonly runId: string;
}

/** Goes before every message of a thread: what its store was asked since the one before. */
interface Asked {
  readonly type: 'asked';
  readonly traffic: Traffic;
  readonly requests: RequestCounts;
}

export interface BlockThreadsOptions extends Omit<BlockThreadStart, 'config'> {
  readonly config: Config;
  /** What a thread runs: a module that calls `serveBlockThread`. */
  readonly entry: URL;
  /** What threads ask of the store is added here. */
  readonly traffic?: Traffic | undefined;
  readonly requests?: RequestCounts | undefined;
}

/** Starts the threads of `--threads`, this one not counted. Each names its files by the run's id and a number of its own. */
export function blockThreads(options: BlockThreadsOptions): NonNullable<TableOptions['openWorkers']> {
  const { config, entry, schema, mappings, runId, traffic, requests } = options;
  let begun = 0;
  const begin = (): BlockWorker => {
    begun += 1;
    const start: BlockThreadStart = { config: configToPlain(config), schema, mappings, runId: `${runId}-${begun}` };
    // Flags of the process hold for its threads; what Node was told to load first is not for them.
    let worker: Worker;
    try {
      worker = new Worker(entry, { workerData: start, execArgv: [], name: `blocks-${begun}` });
    } catch (error) {
      return neverBegun(error as Error);
    }
    worker.on('message', (message: Asked) => {
      if (message.type !== 'asked') return;
      if (traffic !== undefined) addTraffic(traffic, message.traffic);
      if (requests !== undefined) addRequests(requests, message.requests);
    });
    let failure: string | undefined;
    worker.once('error', (error: unknown) => {
      failure = error instanceof Error ? error.message : String(error);
    });
    return {
      port: worker as BlockPort,
      ended: new Promise((resolve) => {
        worker.once('exit', (code) => resolve(failure ?? `exit code ${code}`));
      }),
      close: async () => void (await worker.terminate()),
    };
  };
  const more = config.number('threads') - 1;
  return (most) => Array.from({ length: Math.min(most, more) }, begin);
}

/** Of a thread that the system refuses, as beyond a limit of processes: its first block tells so, and the run closes the others. */
function neverBegun({ message }: Error): BlockWorker {
  const nothing = (): void => undefined;
  return {
    port: { on: nothing, postMessage: nothing },
    ended: Promise.resolve(`it could not be started: ${message}`),
    close: async () => undefined,
  };
}

/** The life of a thread that `blockThreads` began: it opens the lake's store and derives blocks until it is ended. */
export async function serveBlockThread(parent: MessagePort | null, data: unknown): Promise<void> {
  if (parent === null) throw new TypeError('this is what a thread of schemahub runs; it is no program');
  const { config: plain, ...start } = data as BlockThreadStart;
  const config = configFromPlain(plain);
  const asked = { traffic: createTraffic(), requests: createRequestCounts() };
  const { store, layout } = await openStore(config, systemClock, asked.traffic);
  serveBlocks({
    ...start,
    store: countRequests(store, asked.requests),
    layout,
    clock: systemClock,
    monotonicMs: () => performance.now(),
    codec: config.text('codec') as 'snappy' | 'zstd' | 'none',
    port: {
      on: (event, listener) => parent.on(event, listener),
      postMessage: (message) => {
        parent.postMessage({ type: 'asked', ...asked } satisfies Asked);
        forget(asked);
        parent.postMessage(message);
      },
    },
  });
}

function forget({ traffic, requests }: Pick<Asked, 'traffic' | 'requests'>): void {
  for (const operation of Object.keys(traffic.s3)) delete traffic.s3[operation];
  Object.assign(traffic, { sentBytes: 0, receivedBytes: 0 });
  Object.assign(requests, createRequestCounts());
}
