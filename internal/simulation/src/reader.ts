import { createLayout, readHead } from '@schemahub/lake';
import { sha256Of } from './check-files.js';
import { between, createDraws, pick } from './draws.js';
import type { World } from './simulate.js';
import { createVirtualProcess } from './virtual-process.js';
import { createVirtualStore } from './virtual-store.js';

/** Somebody who queries the table all the time: what it sees is a whole snapshot, and never an older one than before. */
export function startReader(world: World): { readonly stop: () => void } {
  const { scheduler, scenario, oracle } = world;
  const process = createVirtualProcess(scheduler, { name: 'reader', isNeighbour: false, skewMs: 0 });
  const draws = createDraws(scenario.seed, 'reader');
  const store = createVirtualStore({
    base: world.base,
    scheduler,
    process,
    scenario: { ...scenario, planned: new Map() },
    faultShare: () => 0,
    trace: () => undefined,
  });
  const layout = createLayout();
  let seen = 0;
  const look = async (): Promise<void> => {
    const head = await readHead(store, layout);
    if (head === undefined) return;
    if (head.number < seen) oracle.violate('reader', `saw snapshot ${head.number} after ${seen}`);
    seen = head.number;
    for (const { path, sha256 } of head.products.flatMap(({ files }) => files)) {
      const stored = await store.get(path);
      if (stored === undefined) oracle.violate('reader', `snapshot ${head.number} names ${path}, which is gone`);
      else if (sha256Of(stored.bytes) !== sha256)
        oracle.violate('reader', `${path} is not what snapshot ${head.number} says`);
    }
  };
  const read = async (): Promise<void> => {
    for (;;) {
      await scheduler.wait(process, pick(draws, [between(draws, 1, 40), 5000, 600_000, 6 * 3_600_000]));
      await look().catch((error: Error) => oracle.violate('reader', error.message));
    }
  };
  void read();
  return { stop: process.die };
}
