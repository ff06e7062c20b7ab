import { BLOCK_IDS, LakeError } from '@schemahub/lake';
import { type ObjectStore, StoreError } from '@schemahub/object-store';
import { describe, expect, test } from 'vitest';
import type { TableEvent } from './context.js';
import { TableError } from './errors.js';
import { cellHashes, createTestLake, lineOf, type TestLake, tradeOf, tradesOf, truthOf } from './test-lake.js';
import { BLOCKS, createTestWorkers, putBlocks, transformWith, truth } from './test-workers.js';
import type { TransformResult } from './transform-result.js';

const INGESTED = ',"_source_ingest_ts":"2026-01-10T00:00:00.000000Z"}\n';
/** What a run must not depend on the number of threads in. */
function told({
  totals,
  unreadable,
  refusedSamples,
  quarantineKeys,
  fields,
  products,
  stages,
}: TransformResult): unknown {
  const items = stages.map(({ stage, items: count, bytes }) => ({ stage, count, bytes }));
  const own = products.map((product) => ({ ...product, added: product.added.toString() }));
  return { totals, unreadable, refusedSamples, quarantineKeys, fields, products: own, items };
}

describe.each([2, 3, 9])('%d threads', (threads) => {
  test('do what one does: the same files, counts, samples and stages; every event is told', async () => {
    const refused = `${lineOf(tradeOf(3, { price: '0' }))}${INGESTED}`;
    const fill = async (): Promise<TestLake> => {
      const lake = createTestLake();
      await putBlocks(lake, BLOCKS.slice(1));
      const lines = tradesOf(0, 9).map((trade) => (trade.id === 3 ? refused : `${lineOf(trade)}${INGESTED}`));
      await lake.putText(tradesOf(0, 9), lines.join(''));
      await lake.put([tradeOf(BLOCK_IDS + 2, { price: '7' }), tradeOf(BLOCK_IDS + 20)]);
      return lake;
    };
    const [one, many] = [await fill(), await fill()];
    const plain = await transformWith(one, { threads: 1 });
    const events: TableEvent[] = [];
    const { result, workers } = await transformWith(many, { threads, events });
    expect(workers.asked).toEqual([3]);
    expect(workers.blocks()).toBeGreaterThan(0);
    expect(workers.open()).toBe(0);
    expect(told(result)).toEqual(told(plain.result));
    expect(result.totals).toMatchObject({ refused: 1, conflicts: 1, rows: 40 });
    const head = (await many.head())!;
    expect(cellHashes(head)).toEqual(cellHashes(await one.head()));
    expect(head.products[0]?.files.map(({ block }) => block)).toEqual([0, 1, 2, 3]);
    const files = events.filter(({ type }) => type === 'file');
    expect(files.map((event) => 'path' in event && event.path).sort()).toEqual(
      head.products[0]!.files.map(({ path }) => path).sort(),
    );
    expect(events.filter(({ type }) => type === 'block')).toHaveLength(4);
  });
});

test('a run of one block asks for no worker', async () => {
  const lake = createTestLake();
  await lake.put(tradesOf(1, 5));
  const { workers } = await transformWith(lake);
  expect(workers.asked).toEqual([]);
});

test('blocks of small products are shared out as well', async () => {
  const lake = createTestLake();
  const ids = ['A-USD', 'B-USD', 'C-USD'];
  for (const productId of ids) await lake.put(tradesOf(1, 5), { productId });
  const workers = createTestWorkers(lake);
  const products = await Promise.all(ids.map((productId) => lake.product(productId)));
  await lake.table({ openWorkers: workers.openWorkers }).transform({ products });
  expect(workers.blocks()).toBeGreaterThan(0);
  for (const productId of ids) expect(await lake.rows(productId)).toEqual(truthOf(tradesOf(1, 5), productId));
});

test('compact and rebuild use them, too', async () => {
  const lake = createTestLake();
  await putBlocks(lake);
  await transformWith(lake);
  for (const first of BLOCKS.slice(0, 2)) await lake.put([tradeOf(first + 20)]);
  await transformWith(lake);
  const workers = createTestWorkers(lake);
  const table = lake.table({ openWorkers: workers.openWorkers });
  expect(await table.compact({ products: [await lake.product()] })).toMatchObject({ cells: 2, filesAdded: 2 });
  const afterCompact = workers.blocks();
  expect(afterCompact).toBeGreaterThan(0);
  const hashes = cellHashes(await lake.head());
  await table.rebuild({ products: [await lake.product()] });
  expect(workers.blocks()).toBeGreaterThan(afterCompact);
  expect(cellHashes(await lake.head())).toEqual(hashes);
  expect(workers.open()).toBe(0);
});

test('an object that is damaged gives nothing, whichever thread met it', async () => {
  const lake = createTestLake();
  await putBlocks(lake, [0, 2 * BLOCK_IDS]);
  // Across a border, so that two blocks read it.
  const name = await lake.putText(tradesOf(BLOCK_IDS - 5, BLOCK_IDS + 4), 'no gzip');
  const { result } = await transformWith(lake);
  expect(result.unreadable).toMatchObject([{ key: name.key, code: 'damaged-raw' }]);
  expect(await lake.rows()).toEqual(truth([0, 2 * BLOCK_IDS]));
});

test('objects that cannot be used are told in the order of their blocks, whichever thread met its own first', async () => {
  const lake = createTestLake();
  const damaged = [0, BLOCK_IDS].map((first) => lake.putText(tradesOf(first, first + 9), 'no gzip'));
  const [first, second] = await Promise.all(damaged);
  await putBlocks(lake, BLOCKS.slice(2));
  let tell: () => void = () => undefined;
  const secondIsTold = new Promise<void>((resolve) => {
    tell = resolve;
  });
  // Block 0, this thread's, is read when the worker has told of block 1.
  const mainStore: ObjectStore = {
    ...lake.store,
    get: async (key, options) => {
      if (key === first!.key) await secondIsTold;
      return await lake.store.get(key, options);
    },
  };
  const onReply = ({ type }: { readonly type: string }): void => {
    if (type === 'done') tell();
  };
  const { result } = await transformWith(lake, { mainStore, onReply });
  expect(result.unreadable.map(({ key }) => key)).toEqual([first!.key, second!.key]);
  expect(await lake.rows()).toEqual(truth(BLOCKS.slice(2)));
});

describe('an error of a worker is that of one thread', () => {
  const bad = (first: number): string =>
    tradesOf(first, first + 19)
      .map((trade) => `${lineOf({ ...trade, price: '0' })}${INGESTED}`)
      .join('');
  const cases: {
    readonly name: string;
    readonly fill: (lake: TestLake) => Promise<unknown>;
    readonly store?: (store: ObjectStore) => ObjectStore;
    readonly kind: new (...args: never[]) => Error;
    readonly code: string;
  }[] = [
    {
      name: 'rows of another product',
      fill: (lake) =>
        lake.putText(
          tradesOf(BLOCK_IDS, BLOCK_IDS + 1),
          tradesOf(BLOCK_IDS, BLOCK_IDS + 1)
            .map((trade) => `${lineOf(trade, 'ETH-USD')}${INGESTED}`)
            .join(''),
        ),
      kind: TableError,
      code: 'wrong-partition',
    },
    {
      name: 'too many refused records',
      fill: (lake) => lake.putText(tradesOf(BLOCK_IDS, BLOCK_IDS + 19), bad(BLOCK_IDS)),
      kind: TableError,
      code: 'too-many-bad',
    },
    {
      name: 'a store that denies',
      fill: (lake) => lake.put(tradesOf(BLOCK_IDS, BLOCK_IDS + 1)),
      store: (store) => ({
        ...store,
        get: async (key, options) => {
          if (!key.includes(String(BLOCK_IDS))) return await store.get(key, options);
          throw new StoreError('access-denied', `${key}: denied`, { cause: new Error('403') });
        },
      }),
      kind: StoreError,
      code: 'access-denied',
    },
    {
      name: 'a lake error with its key',
      fill: (lake) => lake.put(tradesOf(BLOCK_IDS, BLOCK_IDS + 1)),
      store: (store) => ({
        ...store,
        putIfAbsent: async (key, body) => {
          if (!key.includes('unified_trades_1_')) return await store.putIfAbsent(key, body);
          throw new LakeError('retired', 'planted', { key: 'somewhere' });
        },
      }),
      kind: LakeError,
      code: 'retired',
    },
  ];

  test.each(cases)('$name', async ({ fill, store, kind, code }) => {
    const errors: Error[] = [];
    for (const threads of [1, 2]) {
      const lake = createTestLake();
      await lake.put(tradesOf(0, 9));
      await fill(lake);
      const used = store?.(lake.store) ?? lake.store;
      const error = await transformWith(lake, { threads, store: used, mainStore: used }).catch((reason) => reason);
      expect(await lake.head()).toBeUndefined();
      errors.push(error);
    }
    const [one, two] = errors as [Error, Error];
    expect(two).toBeInstanceOf(kind);
    expect(two).toMatchObject({ code });
    expect(two.message).toBe(one.message);
    expect(Object.entries(two)).toEqual(Object.entries(one));
    expect((two.cause as Error | undefined)?.message).toBe((one.cause as Error | undefined)?.message);
  });
});

interface Latch {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

function latch(): Latch {
  let [resolve, reject] = [(): void => undefined, (_error: Error): void => undefined];
  const promise = new Promise<void>((onDone, onError) => {
    [resolve, reject] = [onDone, onError];
  });
  return { promise, resolve, reject };
}

test('too many refused records end a worker in the midst of its block', async () => {
  const lake = createTestLake();
  await lake.put(tradesOf(0, 9));
  const starts = Array.from({ length: 8 }, (_, at) => BLOCK_IDS + at * 100);
  const refused = (first: number): string =>
    tradesOf(first, first + 19)
      .map((trade) => `${lineOf({ ...trade, price: '0' })}${INGESTED}`)
      .join('');
  for (const first of starts) await lake.putText(tradesOf(first, first + 19), refused(first));
  const told = latch();
  const read = new Set<number>();
  const store: ObjectStore = {
    ...lake.store,
    get: async (key, options) => {
      const at = starts.findIndex((first) => key.includes(`/${String(first).padStart(20, '0')}-`));
      read.add(at);
      // The third waits until the run has had enough of the first.
      if (at === 2) await told.promise;
      return await lake.store.get(key, options);
    },
  };
  const onMessage = ({ type }: { type: string }): undefined => {
    if (type === 'abort') setImmediate(() => setImmediate(told.resolve));
  };
  await expect(transformWith(lake, { store, onMessage, maxBad: 0.1 })).rejects.toMatchObject({ code: 'too-many-bad' });
  expect(read).toContain(1);
  expect(read).not.toContain(7);
});

/** A store in which raw objects of chosen blocks wait until they are let go. */
function gated(store: ObjectStore): {
  readonly store: ObjectStore;
  /** Resolves when block `number` is asked for. */
  readonly asked: (number: number) => Promise<void>;
  readonly open: (number: number, error?: Error) => void;
} {
  const gates = BLOCKS.map(() => ({ asked: latch(), open: latch() }));
  return {
    asked: (number) => gates[number]!.asked.promise,
    open: (number, error) => (error === undefined ? gates[number]!.open.resolve() : gates[number]!.open.reject(error)),
    store: {
      ...store,
      get: async (key, options) => {
        const number = BLOCKS.findIndex((first) => key.includes(`/${String(first).padStart(20, '0')}-`));
        if (number >= 0) {
          gates[number]!.asked.resolve();
          await gates[number]!.open.promise;
        }
        return await store.get(key, options);
      },
    },
  };
}

describe('of several failures', () => {
  test('the one of the first block is told, although a later one came first; nothing begins after it', async () => {
    const lake = createTestLake();
    await putBlocks(lake);
    const { store, asked, open } = gated(lake.store);
    const failed = latch();
    const onReply = ({ type }: { type: string }): void => {
      if (type === 'failed') failed.resolve();
    };
    const ended = transformWith(lake, { store, mainStore: store, onReply }).catch((error: unknown) => error);
    await Promise.all([asked(0), asked(1)]);
    open(1, new Error('the later block'));
    open(2);
    open(3);
    await failed.promise;
    await new Promise(setImmediate);
    open(0, new Error('the first block'));
    expect(await ended).toMatchObject({ message: 'the first block' });
    expect(Object.keys(await lake.hashes('unified_trades/'))).toEqual([]);
  });

  test('the later block is ended, whichever thread has it, before the run ends', async () => {
    const lake = createTestLake();
    await putBlocks(lake);
    const { store, asked, open } = gated(lake.store);
    const messages: string[] = [];
    const onMessage = ({ type }: { type: string }): undefined => void messages.push(type);
    const ended = transformWith(lake, { store, mainStore: store, onMessage }).catch((error: unknown) => error);
    await Promise.all([asked(0), asked(1)]);
    let isOver = false;
    void ended.then(() => {
      isOver = true;
    });
    open(0, new Error('the first block'));
    await new Promise(setImmediate);
    expect(messages).toEqual(['derive', 'abort']);
    expect(isOver).toBe(false); // the worker is still at it
    open(1);
    expect(await ended).toMatchObject({ message: 'the first block' });
    expect(Object.keys(await lake.hashes('unified_trades/'))).toEqual([]);
  });
});

test('a signal ends the blocks of all threads, with its reason', async () => {
  const lake = createTestLake();
  await putBlocks(lake);
  const { store, asked, open } = gated(lake.store);
  const workers = createTestWorkers(lake, { store });
  const controller = new AbortController();
  const table = lake.table({ store, signal: controller.signal, openWorkers: workers.openWorkers });
  const ended = table.transform({ products: [await lake.product()] }).catch((error: unknown) => error);
  await Promise.all([asked(0), asked(1)]);
  controller.abort(new Error('stopped by SIGTERM'));
  for (const number of BLOCKS.keys()) open(number);
  expect(await ended).toMatchObject({ message: 'stopped by SIGTERM' });
  expect(workers.open()).toBe(0);
  expect(Object.keys(await lake.hashes('unified_trades/'))).toEqual([]);
});

describe('a worker that ends in the midst of a block', () => {
  test.each([
    { name: 'at its first block', at: 1 },
    { name: 'at its second block', at: 2 },
  ])('$name: a clear error, nothing committed, and a run after it finishes', async ({ at }) => {
    const lake = createTestLake();
    await putBlocks(lake, [...BLOCKS, 4 * BLOCK_IDS, 5 * BLOCK_IDS]);
    let messages = 0;
    const onMessage = (): string | undefined => (++messages === at ? 'exit code 134' : undefined);
    const error = await transformWith(lake, { onMessage }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TableError);
    expect(error).toMatchObject({ code: 'worker-ended', retryable: false });
    expect((error as Error).message).toMatch(
      /^coinbase BTC-USD: the thread that derived block \d ended in the midst of it \(exit code 134\)\. Nothing was committed\. .*--threads 1/,
    );
    expect(await lake.head()).toBeUndefined();
    await transformWith(lake);
    expect(await lake.rows()).toEqual(truth([...BLOCKS, 4 * BLOCK_IDS, 5 * BLOCK_IDS]));
  });
});
