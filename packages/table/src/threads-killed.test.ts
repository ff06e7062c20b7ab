import { BLOCK_IDS } from '@schemahub/lake';
import { createMemoryStore, type ObjectStore } from '@schemahub/object-store';
import { faultyStore } from '@schemahub/object-store/testing';
import { describe, expect, test } from 'vitest';
import { cellHashes, createTestLake, PRODUCT, sortRows, type TestLake, tradeOf } from './test-lake.js';
import { BLOCKS, createTestWorkers, putBlocks, transformWith } from './test-workers.js';

describe('two threads killed at every call to the store', () => {
  const commands = ['transform', 'rebuild', 'compact'] as const;
  test.each(commands)('%s: the head is whole at every moment, and a second run finishes', async (command) => {
    const prepare = async (store: ObjectStore): Promise<TestLake> => {
      const lake = createTestLake({ store });
      await putBlocks(lake, BLOCKS.slice(0, 3));
      if (command === 'transform') return lake;
      await transformWith(lake, { threads: 1 });
      await lake.put([tradeOf(5, { ingest: tradeOf(5).ingest - 1 })]);
      await lake.put([tradeOf(BLOCK_IDS + 5, { ingest: tradeOf(5).ingest - 1 })]);
      return lake;
    };
    const run = async (lake: TestLake, store: ObjectStore, threads: number): Promise<void> => {
      const { openWorkers } = createTestWorkers(lake, { store, threads });
      const products = [await lake.product()];
      await lake.table({ store, openWorkers })[command]({ products });
    };
    const clean = await prepare(createMemoryStore());
    let calls = 0;
    const count = (): undefined => {
      calls += 1;
    };
    await run(clean, faultyStore(clean.store, count), 2);
    const hashes = cellHashes(await clean.head());
    expect(calls).toBeGreaterThan(10);
    for (let at = 0; at < calls; at += 1) {
      for (const mode of ['before', 'after', 'lost'] as const) {
        const lake = await prepare(createMemoryStore());
        const before = (await lake.head())?.number ?? 0;
        const store = faultyStore(lake.store, ({ number }) =>
          number < at || (mode === 'lost' && number > at)
            ? undefined
            : { when: number === at && mode !== 'before' ? 'after' : 'before', error: new Error('killed') },
        );
        await run(lake, store, 2).catch((error: unknown) => {
          if ((error as Error).message !== 'killed') throw error;
        });
        const isCommitted = ((await lake.head())?.number ?? 0) > before;
        const rows = sortRows(await lake.rows(PRODUCT));
        expect(rows.length, `${mode} call ${at}`).toBe(before === 0 && !isCommitted ? 0 : 30);
        await run(lake, lake.store, 2);
        expect(cellHashes(await lake.head()), `${mode} call ${at}`).toEqual(hashes);
      }
    }
  });
});
