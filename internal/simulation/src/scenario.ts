import type { FaultKind as ExchangeFaultKind } from '@schemahub/exchange-sim';
import { between, createDraws, pick, type Random } from './draws.js';
import { type Exchange, simVenueOf } from './venues.js';

export type Command =
  | 'ingest'
  | 'backfill'
  | 'refresh'
  | 'repair'
  | 'transform'
  | 'rebuild'
  | 'compact'
  | 'vacuum'
  | 'rollback'
  | 'release'
  | 'verify'
  | 'verify-deep'
  | 'publish'
  | 'pipeline';

/** One thing that somebody does: a user who starts a command, the exchange that trades, time, an accident. */
export type Action =
  | {
      readonly do: 'start';
      readonly process: string;
      readonly command: Command;
      /** On the host of all others, where its lease counts as a dead holder's: leases then protect nothing. */
      readonly isNeighbour: boolean;
      /** Calls to the store that go wrong, of 1000. */
      readonly faults: number;
      /** Leaves what it commits to the next publisher. Default false. */
      readonly isUnpublished?: boolean | undefined;
    }
  /** Waits for all commands under way. */
  | { readonly do: 'join' }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'trade'; readonly product: string; readonly count: number }
  /** The next `count` ids get no trade. */
  | { readonly do: 'hole'; readonly product: string; readonly count: number }
  /** The newest hole gets its trades after all. */
  | { readonly do: 'fill'; readonly product: string }
  /** History below a share of the head is served no longer. */
  | { readonly do: 'trim'; readonly product: string; readonly share: number }
  | { readonly do: 'outage'; readonly ms: number }
  | { readonly do: 'kill'; readonly process: string }
  | { readonly do: 'lose-checkpoint'; readonly product: string }
  | { readonly do: 'corrupt-checkpoint'; readonly product: string }
  /** A byte of the n-th raw object changes on disk. */
  | { readonly do: 'flip-raw'; readonly at: number };

export interface ProductSpec {
  readonly id: string;
  readonly firstId: number;
  readonly trades: number;
  readonly voids: readonly { readonly first: number; readonly last: number }[];
  /** Trades a second; slow products trade as the clock passes. */
  readonly ratePerSecond: number;
}

export interface ArchiveScenario {
  readonly mode: 'auto' | 'always';
  /** Hours after its end until a file is there. */
  readonly delayHours: number;
  readonly faultShare: number;
}

/** A run as data. The seed decides what happens in it; leaving out actions or faults leaves the other draws alone. */
export interface Scenario {
  readonly seed: number;
  /** Default: coinbase. */
  readonly exchange?: Exchange | undefined;
  /** Whether each commit is published as an Iceberg snapshot. Default false. */
  readonly publishes?: boolean | undefined;
  readonly products: readonly ProductSpec[];
  readonly actions: readonly Action[];
  /** Share of requests to the exchange that go wrong, and how. */
  readonly exchangeFaults: { readonly share: number; readonly kinds: readonly ExchangeFaultKind[] };
  /** The lake is on S3: tries of a request, bytes of a part. Default: a store whose calls are the port's. */
  readonly s3?: { readonly maxAttempts: number; readonly partBytes: number } | undefined;
  /** Files of whole days and months, where the venue keeps some: when they are taken, and how many are wrong. */
  readonly archive?: ArchiveScenario | undefined;
  /** Ids of a window, trades of a raw object, rows of a page. */
  readonly gridSize: number;
  readonly objectTrades: number;
  readonly pageLimit: number;
  readonly chunkConcurrency: number;
  readonly order: 'oldest' | 'newest';
  readonly budgetBytes: number;
  readonly rateLimit: boolean;
  /** Entries that one page of a listing holds. */
  readonly listPage: number;
  /** What vacuum keeps. */
  readonly keepMs: number;
  readonly keepSnapshots: number;
  /** Whether all history is wanted in the end, or only what was asked for on the way. */
  readonly wantsAll: boolean;
  /** Names of store faults (`process#call`) that do not happen, for shrinking. */
  readonly spared?: ReadonlySet<string> | undefined;
  /** Instead of the seed's store faults: exactly these. */
  readonly planned?: ReadonlyMap<string, PlannedFault> | undefined;
}

export type PlannedFault = 'fail' | 'lose' | 'die-before' | 'die-after' | 'die-in-flight';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const exchangeFaultKinds: readonly ExchangeFaultKind[] = [
  'status',
  'no-reply',
  'reset',
  'truncated',
  'content-length',
  'slow',
  'short-page',
  'empty-page',
  'missing-row',
  'duplicate-rows',
  'unsorted-rows',
  'stale-head',
  'lagging-replica',
  'text-ids',
  'stripped-fractions',
];

function drawProduct(random: Random, id: string, lowestId: number): ProductSpec {
  const firstId = Math.max(lowestId, pick(random, [0, 1, 1, 1, 37, 5000, 2_097_152 - 60]));
  const trades = between(random, 1, pick(random, [20, 200, 600]));
  const voids: { first: number; last: number }[] = [];
  for (let holes = pick(random, [0, 0, 1, 2, 3]); holes > 0; holes--) {
    const first = firstId + between(random, 1, trades);
    const last = first + pick(random, [0, 0, 2, 30, 120]);
    if (last < firstId + trades - 1) voids.push({ first, last });
  }
  return { id, firstId, trades, voids, ratePerSecond: pick(random, [50, 50, 50, 0.002]) };
}

const commands: readonly Command[] = [
  'ingest',
  'ingest',
  'ingest',
  'backfill',
  'backfill',
  'refresh',
  'repair',
  'transform',
  'transform',
  'transform',
  'transform',
  'pipeline',
  'compact',
  'compact',
  'rebuild',
  'vacuum',
  'vacuum',
  'rollback',
  'release',
  'verify',
  'verify-deep',
];

interface Started {
  count: number;
  last: Command;
  readonly ignoresLeases: boolean;
  readonly publishes: boolean;
}

function drawAction(random: Random, products: readonly ProductSpec[], started: Started): Action {
  const product = pick(random, products).id;
  const roll = random();
  if (roll < 0.5) {
    const process = `p${++started.count}`;
    const faults = pick(random, [0, 0, 5, 20, 60, 150]);
    // The same again, beside the one that is under way: two of a kind are what leases are for.
    started.last = random() < 0.25 ? started.last : pick(random, commands);
    const isNeighbour = started.ignoresLeases || random() < 0.3;
    // Now and then publishing is switched off: a later run heals it. Drawn apart, so that all other draws stay as they are.
    const isUnpublished = started.publishes && createDraws(started.count, 'unpublished')() < 0.4;
    return {
      do: 'start',
      process,
      command: started.last,
      isNeighbour,
      faults,
      ...(isUnpublished ? { isUnpublished } : {}),
    };
  }
  if (roll < 0.62) return { do: 'join' };
  if (roll < 0.74) {
    const ms = pick(random, [
      1,
      40,
      300,
      2000,
      20_000,
      3 * MINUTE,
      11 * MINUTE,
      HOUR,
      25 * HOUR,
      25 * HOUR,
      8 * 24 * HOUR,
    ]);
    return { do: 'wait', ms };
  }
  if (roll < 0.84) return { do: 'trade', product, count: between(random, 1, pick(random, [3, 60, 250])) };
  if (roll < 0.88) return { do: 'hole', product, count: pick(random, [1, 1, 5, 130]) };
  if (roll < 0.9) return { do: 'fill', product };
  if (roll < 0.92) return { do: 'outage', ms: pick(random, [5000, 2 * MINUTE, 12 * MINUTE]) };
  if (roll < 0.96) return { do: 'kill', process: `p${Math.max(1, started.count - between(random, 0, 2))}` };
  if (roll < 0.97) return { do: 'lose-checkpoint', product };
  if (roll < 0.98) return { do: 'corrupt-checkpoint', product };
  return random() < 0.5
    ? { do: 'trim', product, share: random() * 0.8 }
    : { do: 'flip-raw', at: between(random, 0, 40) };
}

/** What was trimmed cannot be fetched again once it is damaged: nobody promises that. */
function withoutContradictions(actions: readonly Action[]): Action[] {
  const hasTrim = actions.some((action) => action.do === 'trim');
  return actions.filter((action) => !(hasTrim && action.do === 'flip-raw'));
}

/** Drawn apart, so that all other draws stay as they are. */
function drawArchive(seed: number): Pick<Scenario, 'archive'> {
  const random = createDraws(seed, 'archive');
  const mode = pick(random, ['never', 'auto', 'always', 'always'] as const);
  if (mode === 'never') return {};
  return { archive: { mode, delayHours: pick(random, [0, 0, 12]), faultShare: pick(random, [0, 0.3, 1]) } };
}

/** Drawn even where there is no choice, so that all other draws stay as they are. */
function drawOrder(random: Random, isByTime: boolean): Scenario['order'] {
  const order = pick(random, ['oldest', 'newest'] as const);
  return isByTime ? 'oldest' : order;
}

/** What runs of one seed may differ in. */
export interface ScenarioKind extends Pick<Scenario, 'exchange' | 'publishes'> {
  readonly isOnS3?: boolean | undefined;
}

function drawS3(seed: number): Pick<Scenario, 's3'> {
  const random = createDraws(seed, 's3');
  return { s3: { maxAttempts: pick(random, [1, 2, 4, 8]), partBytes: pick(random, [500, 4000, 8 * 1024 * 1024]) } };
}

/** The run of a seed: the same one on any exchange, but for the names of its products. */
export function drawScenario(
  seed: number,
  { exchange = 'coinbase', publishes = false, isOnS3 = false }: ScenarioKind = {},
): Scenario {
  const { productOf, lowestId, isByTime, archiveVariable } = simVenueOf(exchange);
  const random = createDraws(seed, 'scenario');
  const products = Array.from({ length: pick(random, [1, 1, 2, 3]) }, (_, i) =>
    drawProduct(random, productOf(`P${i}`), lowestId),
  );
  const started: Started = { count: 0, last: 'ingest', ignoresLeases: random() < 0.4, publishes };
  const actions: Action[] = [];
  for (let left = between(random, 4, 24); left > 0; left--) actions.push(drawAction(random, products, started));
  return {
    seed,
    ...(exchange === 'coinbase' ? {} : { exchange }),
    ...(publishes ? { publishes } : {}),
    products,
    actions: withoutContradictions(actions),
    exchangeFaults: { share: pick(random, [0, 0, 0.05, 0.2]), kinds: exchangeFaultKinds },
    ...(archiveVariable === undefined ? {} : drawArchive(seed)),
    ...(isOnS3 ? drawS3(seed) : {}),
    gridSize: pick(random, [50, 100, 1000]),
    objectTrades: pick(random, [30, 100, 250, 1000]),
    pageLimit: pick(random, [20, 50, 100, 1000]),
    chunkConcurrency: pick(random, [1, 3, 10]),
    order: drawOrder(random, isByTime),
    budgetBytes: pick(random, [1, 100_000, 1_000_000_000]),
    rateLimit: random() < 0.3,
    listPage: pick(random, [1, 3, 10, 1000]),
    keepMs: pick(random, [0, HOUR, 7 * 24 * HOUR]),
    keepSnapshots: pick(random, [1, 2, 10]),
    wantsAll: random() < 0.7,
  };
}
