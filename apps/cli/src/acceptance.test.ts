import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demoProducts } from '@schemahub/exchange-sim';
import { expectedRows, lakeHashes, readTableRows } from './testing/lake-files.js';
import { createWorld, WORLD_NEWEST, type World } from './testing/virtual-run.js';

let world: World;
beforeAll(async () => {
  world = await createWorld({ products: demoProducts('acceptance', { endTime: WORLD_NEWEST }) });
});
afterAll(() => world.remove());

describe('x', () => {
  it('y', async () => {
    for (const args of [['backfill', ...world.sim.control.products()], ['transform'], ['verify','--deep'], ['status'], ['quality']]) {
      const r = await world.run(args); console.log(args[0], r.code, r.out.slice(-500), r.err.slice(-1500));
    }
    const snaps = await world.run(['snapshots', '--files', '--json']);
    let before = await lakeHashes(world.lake);
    console.log(Object.keys(before).length);
    for (const args of [['backfill', ...world.sim.control.products()], ['ingest', ...world.sim.control.products()], ['transform'], ['compact'], ['vacuum'], ['verify'], ['verify','--deep'], ['status'], ['quality'], ['repair']]) {
      const t = performance.now();
      const rq = world.requests();
      const r = await world.run(args);
      const after = await lakeHashes(world.lake);
      console.log(args.join(' '), r.code, Math.round(performance.now() - t), 'ms', world.requests()-rq, 'requests', Object.keys({ ...before, ...after }).filter((k) => before[k] !== after[k]).length, Object.keys(after).length, JSON.stringify(Object.keys({ ...before, ...after }).filter((k) => before[k] !== after[k]).slice(0,3).map((k)=>[k,before[k],after[k]])));
      before=after;
    }
  });
});
