import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RangeSet } from '@schemahub/coverage';
import { type RawName, readHead, type Snapshot } from '@schemahub/lake';
import { createFolderStore } from '@schemahub/object-store';
import { expect, it } from 'vitest';
import type { RawProduct } from './raw-product.js';
import { createTestLake, rowsOfFile, type TestLake, tradesOf } from './test-lake.js';

// Real files, real commits: a writer that transforms, compacts and vacuums, and a reader that looks all the time.
const COMMITS = 1000;
const TRADES_EACH = 5;
const HOUR = 3_600_000;

/** One look: a whole snapshot, every file there, with the bytes and the ids that the commit says. */
async function look(lake: TestLake, verified: Map<string, number>): Promise<Snapshot | undefined> {
  const head = await readHead(lake.store, lake.layout);
  for (const { files, present } of head?.products ?? []) {
    let rows = 0;
    for (const { path, sha256 } of files) {
      // Its name never comes again: it needs to be read once; later it only has to be there.
      const isKnown = verified.has(path);
      const stored = await lake.store.get(path, isKnown ? { range: { start: 0, end: 4 } } : undefined);
      if (stored === undefined) throw new Error(`commit ${head?.number} names ${path}, which is gone`);
      if (!isKnown) {
        expect(createHash('sha256').update(stored.bytes).digest('hex'), path).toBe(sha256);
        verified.set(path, (await rowsOfFile(lake.store, path)).length);
      }
      rows += verified.get(path)!;
    }
    expect(rows).toBe(present.count);
    // One run adds the ids after those of the run before: whatever is seen has no hole.
    expect(present.toString()).toBe(`1-${present.last}`);
    expect((present.last ?? 0) % TRADES_EACH).toBe(0);
  }
  return head;
}

it(`a reader during ${COMMITS} commits sees whole snapshots only, and never goes back`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'schemahub-reader-'));
  try {
    const lake = createTestLake({ store: createFolderStore({ folder }) });
    let isWriting = true;
    const seen = new Set<number>();
    const read = async (): Promise<void> => {
      const verified = new Map<string, number>();
      for (let last = 0; isWriting; ) {
        const number = (await look(lake, verified))?.number ?? 0;
        expect(number).toBeGreaterThanOrEqual(last);
        last = number;
        seen.add(number);
      }
    };
    let next = 1;
    let at = Date.now();
    const names: RawName[] = [];
    // What a checkpoint would say, without reading a thousand objects a thousand times.
    const products = async (): Promise<RawProduct[]> => [
      { ...(await empty), names, fetched: RangeSet.of(1, next - 1), wantedEnd: next - 1 },
    ];
    const empty = lake.product();
    const write = async (): Promise<number> => {
      for (;;) {
        names.push(await lake.put(tradesOf(next, next + TRADES_EACH - 1)));
        next += TRADES_EACH;
        await lake.table().transform({ products });
        const round = next / TRADES_EACH;
        if (round % 25 < 1) await lake.table().compact({ products });
        if (round % 100 < 1) {
          // A day and more each time: what was retired a vacuum ago is deleted while the reader looks.
          at += 30 * HOUR;
          await lake.table().vacuum({ now: at, keepMs: 0, keepSnapshots: 10 });
        }
        const { number } = (await lake.head())!;
        if (number >= COMMITS) return number;
      }
    };
    const reading = read();
    const written = await write().finally(() => {
      isWriting = false;
    });
    await reading;
    const head = await look(lake, new Map());
    expect(head?.number).toBe(written);
    expect(head?.products[0]?.present.toString()).toBe(`1-${next - 1}`);
    process.stdout.write(`${written} commits, the reader saw ${seen.size} of them\n`);
    expect(seen.size).toBeGreaterThan(100);
  } finally {
    await rm(folder, { recursive: true });
  }
});
