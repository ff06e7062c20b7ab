// First of all: what comes under the seed must do so before others take it.
import './under-seed.js';

import { createHash } from 'node:crypto';
import type { ArchiveFault, BinanceArchiveOptions, Fault } from '@schemahub/exchange-sim';
import type { Mapping } from '@schemahub/mapping-engine';
import { createMemoryStore, type ObjectStore } from '@schemahub/object-store';
import { type Config, loadConfig } from '@schemahub/runtime/config';
import { mappingFor } from '@schemahub/runtime/table';
import { type CommandEnd, runCommand } from './commands.js';
import { createDraws, pick } from './draws.js';
import { createOracle, type Oracle, type Violation } from './oracle.js';
import type { Command, Scenario } from './scenario.js';
import { createScheduler, type Scheduler, StuckError } from './scheduler.js';
import { createTruth, type Truth } from './truth.js';
import { realMs, underSeed } from './under-seed.js';
import { type Sim, type SimVenue, simVenueOf } from './venues.js';
import { createVirtualProcess, type VirtualProcess } from './virtual-process.js';
import { createVirtualBucket, createVirtualS3, type VirtualBucket } from './virtual-s3.js';
import { createVirtualStore } from './virtual-store.js';

/** How a run went. */
export interface Outcome {
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** sha256 over every line of the history and every byte written. */
  readonly hash: string;
  readonly history: readonly string[];
  readonly steps: number;
  readonly commits: number;
  readonly requests: number;
  /** Calls to the store, by process: what the crash matrix goes through. */
  readonly calls: ReadonlyMap<string, number>;
  readonly killed: number;
  readonly virtualMs: number;
  readonly realMs: number;
}

/** When every run begins; the newest trades are an hour older. */
export const START: number = Date.parse('2026-10-31T23:10:00Z');
const HOUR = 3_600_000;
const MAX_STEPS = 150_000;

/** One run under way: the shared world that actions change. */
export interface World {
  readonly scenario: Scenario;
  readonly scheduler: Scheduler;
  readonly base: ObjectStore;
  /** The same on S3. */
  readonly bucket: VirtualBucket;
  readonly venue: SimVenue;
  readonly sim: Sim;
  readonly truth: Truth;
  readonly oracle: Oracle;
  readonly config: Config;
  readonly mapping: Mapping;
  readonly trace: (line: string) => void;
  /** Changes or removes an object behind everybody's back, as a bad disk or a careless hand does. */
  readonly spoil: (key: string, bytes: Uint8Array | undefined) => Promise<void>;
  readonly running: Map<string, { readonly process: VirtualProcess; readonly ended: Promise<CommandEnd> }>;
  readonly calls: Map<string, number>;
  /** No fault happens any more, at the store or at the exchange. */
  isCalm: boolean;
  killed: number;
}

interface Prepared {
  readonly config: Config;
  readonly mapping: Mapping;
}

async function prepare(scenario: Scenario, { exchange, urlVariable, archiveVariable }: SimVenue): Promise<Prepared> {
  const { archive } = scenario;
  const config = await loadConfig({
    flags: {},
    environment: {
      SCHEMAHUB_EXCHANGE: exchange,
      [urlVariable]: 'https://sim.test',
      ...(archive === undefined || archiveVariable === undefined
        ? {}
        : { [archiveVariable]: 'https://archive.test', SCHEMAHUB_ARCHIVE: archive.mode }),
      SCHEMAHUB_LIMIT: String(scenario.pageLimit),
      SCHEMAHUB_CHUNK_CONCURRENCY: String(scenario.chunkConcurrency),
    },
    folder: 'no-such-folder',
  });
  return { config, mapping: await mappingFor(config, `raw_${exchange}_trades`) };
}

/** The memory store, telling the oracle and the history of everything that changes it. */
function observed(store: ObjectStore, told: () => Oracle, hash: (text: string | Uint8Array) => void): ObjectStore {
  return {
    ...store,
    putIfAbsent: async (key, body) => {
      const before = told().object(key);
      const answer = await store.putIfAbsent(key, body);
      if (answer === 'created') {
        hash(key);
        hash(body as Uint8Array);
        told().written({ key, before, after: body as Uint8Array });
      }
      return answer;
    },
    putIfMatch: async (key, body, version) => {
      const before = told().object(key);
      const answer = await store.putIfMatch(key, body, version);
      if (answer !== 'conflict') {
        hash(key);
        hash(body);
        told().written({ key, before, after: body });
      }
      return answer;
    },
    delete: async (keys) => {
      told().deleted(keys);
      hash(keys.join(' '));
      await store.delete(keys);
    },
  };
}

function exchangeScript(scenario: Scenario, isCalm: () => boolean): (index: number) => Fault | undefined {
  const { share, kinds } = scenario.exchangeFaults;
  return (index) => {
    if (isCalm() || share === 0) return undefined;
    const random = createDraws(scenario.seed, `request ${index}`);
    if (random() >= share) return undefined;
    const kind = pick(random, kinds);
    if (kind === 'status') return { kind, status: pick(random, [500, 502, 503, 520]) };
    return { kind } as Fault;
  };
}

const archiveFaults: readonly ArchiveFault[] = [
  'missing',
  'wrong-checksum',
  'cut-download',
  'truncated',
  'lost-rows',
  'interleaved',
  'shuffled',
  'duplicate-rows',
  'conflicting-rows',
  'header',
  'broken-rows',
  'aggregated',
  'no-zip',
  'foreign-member',
  'other-member',
];

/** A file is wrong for ever: whatever it lacks comes over the API. */
function simulatedArchive({ seed, archive }: Scenario): BinanceArchiveOptions | undefined {
  if (archive === undefined) return undefined;
  const { delayHours, faultShare } = archive;
  const fault = (path: string): ArchiveFault | undefined => {
    const random = createDraws(seed, path);
    return random() < faultShare ? pick(random, archiveFaults) : undefined;
  };
  return { dayDelayHours: delayHours, monthDelayHours: delayHours, fault };
}

function simulatedExchange(world: {
  readonly scenario: Scenario;
  readonly scheduler: Scheduler;
  readonly venue: SimVenue;
  readonly isCalm: () => boolean;
}): Sim {
  const { scenario, scheduler, venue, isCalm } = world;
  return venue.createSim({
    seed: scenario.seed,
    clock: { now: scheduler.now, sleep: (ms, signal) => scheduler.wait(undefined, ms, signal) },
    rateLimit: scenario.rateLimit,
    products: scenario.products.map(({ ratePerSecond, ...product }) => ({
      ...product,
      base: product.id.replace(/-?USDT?$/, ''),
      quote: venue.quote,
      ratePerSecond,
      endTime: START - HOUR,
      followClock: ratePerSecond < 1,
    })),
    script: exchangeScript(scenario, isCalm),
    archive: simulatedArchive(scenario),
  });
}

/** Starts a command in a process of its own; its end, or its death, is in the history. */
export function start(
  world: World,
  options: {
    name: string;
    command: Command;
    isNeighbour: boolean;
    faults: number;
    isUnpublished?: boolean | undefined;
  },
): Promise<CommandEnd> {
  const { scenario, scheduler, oracle, trace, sim } = world;
  const { name, command } = options;
  const draws = createDraws(scenario.seed, `${name} draws`);
  // Nobody's clock is wrong where nothing is to go wrong.
  const skewMs = options.faults === 0 ? 0 : pick(draws, [0, 0, 0, 0, -2 * HOUR, -7000, 15 * 60_000, 49 * HOUR]);
  const process = createVirtualProcess(scheduler, { ...options, skewMs });
  const network = {
    base: world.base,
    scheduler,
    process,
    scenario,
    faultShare: () => (world.isCalm ? 0 : options.faults),
    trace,
  };
  const store = scenario.s3 === undefined ? createVirtualStore(network) : createVirtualS3(world.bucket, network);
  let ids = 0;
  const fetch: Sim['fetch'] = async (input, init) => {
    await scheduler.wait(process, Math.floor(draws() * 30), init?.signal ?? undefined);
    const answer = await sim.fetch(input, init);
    await scheduler.wait(process, Math.floor(draws() * 30), init?.signal ?? undefined);
    return answer;
  };
  trace(`${name} starts ${command}`);
  const work = runCommand(
    {
      store,
      clock: process.clock,
      identity: process.identity,
      fetch,
      random: draws,
      createId: () => `${name}-${++ids}`,
      config: world.config,
      mapping: world.mapping,
      scenario,
      products: scenario.products.map(({ id }) => id),
      choice: draws(),
      isPublishing: scenario.publishes === true && options.isUnpublished !== true,
      onBudget: ({ used, peak, limit }) => {
        if (used !== 0) oracle.violate('budget', `${name} ${command} ends with ${used} bytes reserved`);
        if (peak > limit) oracle.violate('budget', `${name} ${command} held ${peak} bytes, the limit is ${limit}`);
      },
    },
    command,
  ).catch((error: unknown) => judgeError(world, process, command, error));
  const ended = Promise.race([work, process.died.then(() => 'killed')]).then((end) => {
    trace(`${name} ${command} ends: ${end}`);
    world.calls.set(name, process.nextCall());
    world.running.delete(name);
    if (end === 'killed') world.killed++;
    return end;
  });
  world.running.set(name, { process, ended });
  return ended;
}

const knownErrors: ReadonlySet<string> = new Set([
  'UsageError',
  'LakeError retired',
  'LakeError pinned',
  'TableError too-many-conflicts',
  'IngestError exchange-unavailable',
]);

/** An error that a user may see, or a violation: a command never ends in one that it does not know. */
function judgeError(world: World, process: VirtualProcess, command: Command, error: unknown): CommandEnd {
  const { name = '?', code, message = '' } = error as { name?: string; code?: string; message?: string };
  const text = `${name} ${code ?? ''}`.trim();
  const hasAccident = world.scenario.actions.some((action) => /checkpoint|flip/.test(action.do));
  const isExcused =
    (name === 'StoreError' && process.faults > 0) ||
    (hasAccident && name === 'CheckpointError') ||
    (hasAccident && text === 'TableError ids-lost') ||
    (code === 'retired' && command === 'rollback');
  if (!isExcused && !knownErrors.has(name) && !knownErrors.has(text))
    world.oracle.violate(
      'unexpected-error',
      `${command} of ${process.name}: ${text}: ${message}\n${(error as Error).stack ?? ''}`,
    );
  return `error ${text}: ${message.slice(0, 160)}`;
}

/** Plays a scenario under its seed; what goes wrong with the run itself is a violation, too. */
async function drive(world: World, play: (world: World) => Promise<void>): Promise<void> {
  const { scenario, scheduler, oracle } = world;
  // What a dead process had under way rejects to nobody: it is no more. In a living one it would end the program.
  const onUnhandled = (error: unknown): void => {
    if (world.killed === 0) oracle.violate('unhandled-rejection', String((error as Error).stack));
  };
  process.on('unhandledRejection', onUnhandled);
  await underSeed(scenario.seed, scheduler, async () => {
    try {
      await scheduler.drive(play(world));
    } catch (error) {
      const rule = error instanceof StuckError ? 'stuck' : 'broken-run';
      oracle.violate(rule, error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
  });
  process.off('unhandledRejection', onUnhandled);
}

/** Runs a scenario from the first action to the last proof. */
export async function simulate(
  scenario: Scenario,
  play: (world: World) => Promise<void>,
  options: { readonly withHistory?: boolean } = {},
): Promise<Outcome> {
  const venue = simVenueOf(scenario.exchange);
  const prepared = await prepare(scenario, venue);
  const begun = realMs();
  const history: string[] = [];
  const hash = createHash('sha256');
  let world: World;
  const scheduler = createScheduler({
    seed: scenario.seed,
    startMs: START,
    maxSteps: MAX_STEPS,
    afterStep: async () => world.oracle.settle(),
  });
  const trace = (line: string): void => {
    const text = `${((scheduler.now() - START) / 1000).toFixed(3)} ${line}`;
    hash.update(text).update('\n');
    if (options.withHistory === true) history.push(text);
  };
  const sim = simulatedExchange({ scenario, scheduler, venue, isCalm: () => world.isCalm });
  const truth = createTruth(sim, scenario.products);
  const oracle = createOracle({ venue, truth, now: scheduler.now, keep: scenario });
  const disk = createMemoryStore({ now: scheduler.now });
  const base = observed(
    disk,
    () => oracle,
    (text) => hash.update(text),
  );
  world = {
    ...prepared,
    venue,
    scenario,
    scheduler,
    base,
    bucket: createVirtualBucket(base),
    sim,
    truth,
    oracle,
    trace,
    spoil: async (key, bytes) => {
      await disk.delete([key]);
      if (bytes !== undefined) await disk.putIfAbsent(key, bytes);
    },
    running: new Map(),
    calls: new Map(),
    isCalm: false,
    killed: 0,
  };
  await drive(world, play);
  return {
    seed: scenario.seed,
    violations: oracle.violations,
    hash: hash.digest('hex'),
    history,
    steps: scheduler.steps(),
    commits: oracle.head()?.number ?? 0,
    requests: sim.stats.requests,
    calls: world.calls,
    killed: world.killed,
    virtualMs: scheduler.now() - START,
    realMs: realMs() - begun,
  };
}
