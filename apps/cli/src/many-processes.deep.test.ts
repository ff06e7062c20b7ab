import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CoinbaseSim, createCoinbaseSim, type SimServer, serve } from '@schemahub/exchange-sim';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exitCodes } from './exit-codes.js';
import { type BuiltCli, buildCli, type StartedCli } from './testing/built-cli.js';
import { expectedRows, readTableRows } from './testing/lake-files.js';

const PRODUCTS = Array.from({ length: 9 }, (_, i) => `P${i}-USD`);
const TRADES = 12_000;
/** Requests of a process at a time. */
const IN_HAND = 2;

interface Asked {
  readonly by: string;
  readonly window: string;
}

let cli: BuiltCli;
let folder: string;
let server: SimServer;
let sim: CoinbaseSim;
const asked: Asked[] = [];
const watchers = new Set<() => void>();
/** Requests of each process that are not answered yet. */
const open = new Map<string, number>();

beforeAll(async () => {
  cli = await buildCli();
  folder = await mkdtemp(join(tmpdir(), 'schemahub-many-'));
  await writeFile(join(folder, 'seed.yaml'), `product_ids:\n${PRODUCTS.map((id) => `  - ${id}\n`).join('')}`);
  const endTime = Date.now() - 15 * 60_000;
  sim = createCoinbaseSim({
    seed: 'many',
    rateLimit: false,
    latencyMs: 150,
    products: PRODUCTS.map((id) => ({ id, trades: TRADES, endTime })),
  });
  server = await serve({
    ...sim,
    handle: (request, signal) => {
      // Who asks is told by the key that each process signs with.
      const by = request.headers['cb-access-key'] ?? 'nobody';
      const { pathname, searchParams } = request.url;
      if (searchParams.get('limit') === '1000') asked.push({ by, window: `${pathname} ${searchParams.get('after')}` });
      open.set(by, (open.get(by) ?? 0) + 1);
      for (const watcher of watchers) watcher();
      return sim.handle(request, signal).finally(() => open.set(by, open.get(by)! - 1));
    },
  });
});
afterAll(async () => {
  await server?.close();
  await cli?.remove();
  await rm(folder, { recursive: true, force: true });
});

const optionsOf = (name: string) => ({
  folder,
  environment: {
    COINBASE_API_URL: server.url,
    COINBASE_API_KEY: name,
    COINBASE_API_SECRET: Buffer.from(name).toString('base64'),
    COINBASE_API_PASSPHRASE: name,
    SCHEMAHUB_COINBASE_RATE: '1000',
    SCHEMAHUB_COINBASE_BURST: '100',
    SCHEMAHUB_WORKERS: '1',
    SCHEMAHUB_CHUNK_CONCURRENCY: `${IN_HAND}`,
    SCHEMAHUB_OBJECT_TRADES: '3000',
    SCHEMAHUB_SEED_PATH: join(folder, 'seed.yaml'),
    LOCK_TTL_SECONDS: '10',
  },
});
const start = (name: string): StartedCli => cli.start(['backfill', '--json'], optionsOf(name));
const windowsOf = (...names: readonly string[]): readonly string[] =>
  asked.filter(({ by }) => names.includes(by)).map(({ window }) => window);

/**
 * Resolves when `name` has asked for so many windows and all that it has in hand has arrived here: nothing lies between
 * the process and us, and it gets no answer before the caller has acted.
 */
function whenAsked(name: string, count: number): Promise<void> {
  return new Promise((resolve) => {
    const watcher = (): void => {
      if (windowsOf(name).length < count || open.get(name) !== IN_HAND) return;
      watchers.delete(watcher);
      resolve();
    };
    watchers.add(watcher);
    watcher();
  });
}

interface Report {
  readonly products: readonly { readonly product_id: string; readonly state: string; readonly reason: string | null }[];
}

/** Stopped in the midst of a compare-and-set it keeps that key until it is woken; else until its lease runs out. */
const isWaitedFor = ({ products }: Report): boolean =>
  products.some(({ state, reason }) => state === 'held' && reason?.includes('locked by') !== true);

it('three processes share one seed file; one is killed, one sleeps past its lease and wakes: exact, no window twice by the healthy', async () => {
  const [killed, sleeper, healthy] = [start('killed'), start('sleeper'), start('healthy')] as const;
  await Promise.all([
    whenAsked('killed', 20).then(() => killed.kill('SIGKILL')),
    whenAsked('sleeper', 20).then(() => sleeper.kill('SIGSTOP')),
  ]);
  await killed.ended;
  const first = await healthy.ended;
  expect(first.code, first.err).toBe(exitCodes.complete);
  // All is done but what the sleeper holds: its process lives, and its lease has not run out or has just been taken over.
  const left = first.json<Report>().products.filter(({ state }) => state !== 'complete');
  expect(left.length).toBeLessThanOrEqual(2);
  for (const { state } of left) expect(state).toBe('held');

  // Until the lease runs out, others are told; then the work is taken over, though its holder still exists.
  let taken: Report;
  do {
    const { code, err, json } = await cli.run(['backfill', '--json'], optionsOf('successor'));
    expect([exitCodes.complete, exitCodes.held], err).toContain(code);
    taken = json<Report>();
  } while (isWaitedFor(taken));
  const healthyWindows = windowsOf('healthy', 'successor');
  expect(new Set(healthyWindows).size).toBe(healthyWindows.length);
  // What the killed and the sleeper had landed was not asked for again: at most one raw object, and the first window,
  // which shows the floor.
  for (const name of ['killed', 'sleeper']) {
    const again = windowsOf(name).filter((window) => healthyWindows.includes(window));
    // A process may have more than one small product in hand.
    for (const product of PRODUCTS) {
      const own = again.filter((window) => window.includes(`/${product}/`));
      expect(own.length, `${name}: ${own.join(', ')}`).toBeLessThanOrEqual(3 + 1);
    }
  }

  const beforeWaking = windowsOf('sleeper').length;
  sleeper.kill('SIGCONT');
  const woken = await sleeper.ended;
  expect([exitCodes.complete, exitCodes.held], woken.err).toContain(woken.code);
  expect(woken.err).toContain('its lease was lost to another run');
  // Whatever it looks at first when it wakes, it checks its leases before it sends: nothing of what is others' now. What
  // it kept locked nobody could finish; there it takes a lease anew and goes on.
  const others = taken.products.filter(({ state }) => state === 'complete').map((product) => product.product_id);
  expect(others.length).toBeGreaterThanOrEqual(PRODUCTS.length - 2);
  const afterWaking = windowsOf('sleeper').slice(beforeWaking);
  expect(afterWaking.filter((window) => others.some((product) => window.includes(`/${product}/`)))).toEqual([]);
  const last = await cli.run(['backfill'], optionsOf('successor'));
  expect(last.code, last.err).toBe(exitCodes.complete);

  for (const args of [['transform'], ['verify', '--deep']]) {
    const run = await cli.run(args, optionsOf('reader'));
    expect(run.code, `${args.join(' ')}: ${run.out}${run.err}`).toBe(exitCodes.complete);
  }
  const { snapshots, current } = (await cli.run(['snapshots', '--files', '--json'], optionsOf('reader'))).json<{
    current: number;
    snapshots: { number: number; files: { path: string }[] }[];
  }>();
  const files = snapshots.find(({ number }) => number === current)?.files.map(({ path }) => path) ?? [];
  const { bySymbol } = await readTableRows(join(folder, 'lake'), files);
  for (const product of PRODUCTS) expect(bySymbol[product]).toEqual(expectedRows(sim, product));
}, 300_000);
