import { RangeSet } from '@schemahub/coverage';
import { startReader } from './reader.js';
import type { Action, Command } from './scenario.js';
import { start, type World } from './simulate.js';

const MINUTE = 60_000;
/** A run that does not end within this much virtual time hangs. */
const PATIENCE_MS = 20 * 24 * 60 * MINUTE;

function lastHole(world: World, product: string): { first: number; last: number } | undefined {
  return world.sim.control.voidsOf(product).at(-1);
}

/** Trades of a fast product happen now; those of a slow one come with the clock. */
function trade(world: World, product: string, count: number): void {
  const spec = world.scenario.products.find(({ id }) => id === product)!;
  if (spec.ratePerSecond > 1) world.sim.control.addTrades(product, count);
}

function makeHole(world: World, product: string, count: number): void {
  const head = world.sim.control.headOf(product);
  if (head === undefined) return;
  // Above everything that was ever issued, so that no trade disappears.
  const first = (world.truth.issued(product).last ?? head) + 1;
  world.sim.control.addVoids(product, [{ first, last: first + count - 1 }]);
  trade(world, product, count + 2);
}

async function spoil(world: World, key: string, change: (bytes: Uint8Array) => Uint8Array | undefined): Promise<void> {
  const { base, oracle } = world;
  const held = await base.get(key);
  if (held === undefined) return;
  const bytes = change(held.bytes);
  oracle.harmed(key, bytes);
  await world.spoil(key, bytes);
}

/** Carries out one action. Commands are started and go on in the background. */
export async function act(world: World, action: Action): Promise<void> {
  const { trace, scheduler, sim, truth } = world;
  if (action.do !== 'start' && action.do !== 'join') trace(`-- ${JSON.stringify(action)}`);
  switch (action.do) {
    case 'start':
      void start(world, { ...action, name: action.process });
      return;
    case 'join':
      return await join(world);
    case 'wait':
      return await scheduler.wait(undefined, action.ms);
    case 'trade':
      return trade(world, action.product, action.count);
    case 'hole':
      return makeHole(world, action.product, action.count);
    case 'fill': {
      const hole = lastHole(world, action.product);
      if (hole !== undefined) truth.fill(action.product, hole);
      return;
    }
    case 'trim': {
      const head = sim.control.headOf(action.product);
      if (head !== undefined) truth.trim(action.product, Math.floor(head * action.share));
      return;
    }
    case 'outage': {
      const nowMs = scheduler.now();
      sim.control.addOutage({ fromMs: nowMs, untilMs: nowMs + action.ms });
      return;
    }
    case 'kill': {
      const running = world.running.get(action.process);
      running?.process.die();
      return;
    }
    case 'lose-checkpoint':
      return await spoil(world, `checkpoints/${world.venue.exchange}/${action.product}.json`, () => undefined);
    case 'corrupt-checkpoint':
      return await spoil(world, `checkpoints/${world.venue.exchange}/${action.product}.json`, (bytes) =>
        bytes.slice(0, bytes.length / 2),
      );
    case 'flip-raw': {
      const keys = world.oracle.rawKeys();
      const key = keys[action.at % Math.max(1, keys.length)];
      if (key === undefined) return;
      return await spoil(world, key, (bytes) => {
        const flipped = bytes.slice();
        flipped[Math.floor(flipped.length / 2)]! ^= 0x20;
        return flipped;
      });
    }
  }
}

/** Waits for every command under way; one that takes for ever is a violation. */
export async function join(world: World): Promise<void> {
  const { scheduler, oracle } = world;
  const patience = new AbortController();
  const all = Promise.all([...world.running.values()].map(({ ended }) => ended)).then(() => 'ended' as const);
  const late = scheduler.wait(undefined, PATIENCE_MS, patience.signal).then(
    () => 'late' as const,
    () => 'ended' as const,
  );
  if ((await Promise.race([all, late])) === 'late')
    oracle.violate(
      'hang',
      `after ${PATIENCE_MS / 86_400_000} days these still run: ${[...world.running.keys()].join(', ')}`,
    );
  patience.abort();
}

/** A command in peace, to its end. */
async function inPeace(world: World, command: Command, times = 1): Promise<string> {
  const name = `z${world.calls.size + 1}`;
  const end = await start(world, { name, command, isNeighbour: false, faults: 0 });
  if (times > 1 && end !== 'complete') {
    await world.scheduler.wait(undefined, 16 * MINUTE);
    return await inPeace(world, command, times - 1);
  }
  return end;
}

async function requireEnd(world: World, command: Command, expected: string, times = 1): Promise<void> {
  const end = await inPeace(world, command, times);
  // What was trimmed before it was fetched is missing for good, and said so; checkTable judges the rest.
  const isTrimmed = world.scenario.actions.some((action) => action.do === 'trim');
  if (isTrimmed && /incomplete [^;]*missing|^incomplete(;|$)/.test(end)) return;
  if (end !== expected) world.oracle.violate('not-complete', `in peace, ${command} ends with: ${end}`);
}

/** What the table must hold in the end: all that the exchange serves of what is wanted, and what was held before. */
function checkTable(world: World): void {
  const { oracle, truth, scenario } = world;
  for (const { id } of scenario.products) {
    const present = oracle.head()?.products.find(({ product }) => product === id)?.present ?? RangeSet.empty;
    const stored = oracle.object(`checkpoints/${world.venue.exchange}/${id}.json`);
    if (stored === undefined) {
      if (!truth.served(id).isEmpty) oracle.violate('lost', `${id}: the lake knows nothing of it`);
      continue;
    }
    const { asked, anchor } = JSON.parse(Buffer.from(stored).toString('utf8')) as { asked: string; anchor?: number };
    const wanted = scenario.wantsAll ? truth.served(id) : truth.served(id).intersect(RangeSet.parse(asked));
    const lost = wanted.difference(present);
    if (!lost.isEmpty)
      oracle.violate('lost', `${id}: the exchange serves ${lost}, the table lacks them (anchor ${anchor})`);
  }
}

/** Everything but what tells the time of a look at the world. */
async function dump(world: World): Promise<Map<string, string>> {
  const objects = new Map<string, string>();
  for await (const { key } of world.base.list('')) {
    if (key.startsWith('certificates/')) continue;
    objects.set(key, Buffer.from((await world.base.get(key))!.bytes).toString('base64'));
  }
  return objects;
}

const repeated: readonly Command[] = ['ingest', 'repair', 'transform', 'compact', 'verify'];

async function checkIdempotence(world: World): Promise<void> {
  const before = await dump(world);
  for (const command of repeated) await inPeace(world, command);
  if (world.scenario.wantsAll) await inPeace(world, 'backfill');
  const after = await dump(world);
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter((key) => before.get(key) !== after.get(key));
  if (changed.length > 0) world.oracle.violate('not-idempotent', `every command again changed ${changed.join(', ')}`);
}

/** Peace: nothing fails any more, the clock passes every lease, the exchange stands still. Then all must be whole. */
export async function makeWhole(world: World): Promise<void> {
  const { scenario, scheduler, sim, trace } = world;
  await join(world);
  trace('-- peace');
  world.isCalm = true;
  await scheduler.wait(undefined, 30 * MINUTE);
  sim.control.freeze();
  await scheduler.wait(undefined, 20 * MINUTE);
  await requireEnd(world, 'ingest', 'complete', 3);
  if (scenario.wantsAll) await requireEnd(world, 'backfill', 'complete', 3);
  await inPeace(world, 'verify-deep');
  await requireEnd(world, 'repair', 'complete', 4);
  await requireEnd(world, 'release', 'complete');
  await requireEnd(world, 'transform', 'complete');
  await requireEnd(world, 'compact', 'complete');
  await requireEnd(world, 'verify-deep', 'complete');
  if (scenario.publishes === true)
    await requireEnd(world, 'publish', world.oracle.head() === undefined ? 'none' : 'current');
  checkTable(world);
  await checkIdempotence(world);
}

/** The whole of a scenario: its actions with a reader beside them, then peace and the proof. */
export async function play(world: World): Promise<void> {
  const reader = startReader(world);
  for (const action of world.scenario.actions) {
    await act(world, action);
    if (world.oracle.violations.length > 0) return;
  }
  await makeWhole(world);
  reader.stop();
}
