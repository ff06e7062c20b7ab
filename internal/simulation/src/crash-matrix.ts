import { createDraws } from './draws.js';
import { act, join, makeWhole } from './play.js';
import type { Action, Command, PlannedFault, Scenario } from './scenario.js';
import { type Outcome, simulate, start, type World } from './simulate.js';

// A small lake, one command, one death: at every single call to the store, before it, and, for calls that write, while
// the write is on its way (it arrives later), with its answer lost, and refused. Afterwards everything must become whole.

const P = 'P0-USD';
const HOUR = 3_600_000;
let setUps = 0;

function done(command: Command): readonly Action[] {
  return [{ do: 'start', process: `s${++setUps}`, command, isNeighbour: false, faults: 0 }, { do: 'join' }];
}

function trade(count: number): readonly Action[] {
  return [{ do: 'trade', product: P, count }];
}

const filled: readonly Action[] = [...done('backfill'), ...done('transform')];
const grown: readonly Action[] = [...filled, ...trade(9), ...done('ingest'), ...done('transform')];
const day: readonly Action[] = [{ do: 'wait', ms: 25 * HOUR }];

/** What each command finds, so that it has something to do. */
export const stages: readonly {
  readonly command: Command;
  readonly name: string;
  readonly before: readonly Action[];
}[] = [
  { command: 'ingest', name: 'ingest, cold', before: [] },
  { command: 'ingest', name: 'ingest, further', before: [...filled, ...trade(30)] },
  { command: 'backfill', name: 'backfill', before: [] },
  { command: 'refresh', name: 'refresh', before: [...filled, ...trade(9)] },
  {
    command: 'repair',
    name: 'repair of a damaged object',
    before: [...filled, { do: 'flip-raw', at: 0 }, ...done('verify-deep')],
  },
  { command: 'repair', name: 'repair of late trades', before: [...filled, { do: 'fill', product: P }] },
  { command: 'transform', name: 'transform, first', before: done('backfill') },
  { command: 'transform', name: 'transform, further', before: [...filled, ...trade(9), ...done('ingest')] },
  { command: 'rebuild', name: 'rebuild', before: grown },
  { command: 'compact', name: 'compact', before: grown },
  { command: 'vacuum', name: 'vacuum that retires', before: [...grown, ...done('compact'), ...day] },
  {
    command: 'vacuum',
    name: 'vacuum that deletes',
    before: [...grown, ...done('compact'), ...day, ...done('vacuum'), ...day],
  },
  { command: 'rollback', name: 'rollback', before: grown },
  { command: 'release', name: 'release', before: [...grown, ...done('rollback')] },
  { command: 'verify', name: 'verify', before: grown },
  { command: 'verify-deep', name: 'verify --deep of a damaged object', before: [...grown, { do: 'flip-raw', at: 0 }] },
  { command: 'pipeline', name: 'pipeline', before: [...filled, ...trade(30)] },
];

type Stage = (typeof stages)[number];

/** How the command must end where nothing goes wrong, to show that its stage gives it something to do. */
const expectedEnd: Readonly<Record<string, RegExp>> = {
  'vacuum that retires': /deleted 0, retired [1-9]/,
  'vacuum that deletes': /deleted [1-9]/,
  rollback: /back to \d/,
  'verify --deep of a damaged object': /damaged; condemned-raw/,
};

function scenarioOf(seed: number, before: readonly Action[], planned: ReadonlyMap<string, PlannedFault>): Scenario {
  return {
    seed,
    products: [{ id: P, firstId: 1, trades: 70, voids: [{ first: 20, last: 24 }], ratePerSecond: 50 }],
    actions: before,
    exchangeFaults: { share: 0, kinds: [] },
    gridSize: 50,
    objectTrades: 40,
    pageLimit: 1000,
    chunkConcurrency: 2,
    order: 'oldest',
    budgetBytes: 1_000_000,
    rateLimit: false,
    listPage: 1000,
    keepMs: 0,
    keepSnapshots: 1,
    wantsAll: true,
    planned,
  };
}

/** The commands one after the other, each as a process `c1`, `c2` …, after its stage is set. */
function playStage(stage: Stage, times: number): (world: World) => Promise<void> {
  return async (world) => {
    for (const action of stage.before) await act(world, action);
    for (let i = 1; i <= times; i++) {
      void start(world, { name: `c${i}`, command: stage.command, isNeighbour: true, faults: 0 });
      await join(world);
    }
    await makeWhole(world);
  };
}

async function run(
  stage: Stage,
  times: number,
  planned: ReadonlyMap<string, PlannedFault>,
  seed = 1,
): Promise<Outcome> {
  return await simulate(scenarioOf(seed, stage.before, planned), playStage(stage, times), {
    withHistory: planned.size === 0,
  });
}

/** Verbs of a process's calls, by number, from a history. */
function verbsOf(history: readonly string[], process: string): Map<number, string> {
  const verbs = new Map<number, string>();
  for (const line of history) {
    const [, name, call, verb] = /^\S+ (\S+)#(\d+) (\S+)/.exec(line) ?? [];
    if (name === process) verbs.set(Number(call), verb!);
  }
  return verbs;
}

const writing: ReadonlySet<string> = new Set(['create', 'replace', 'delete']);

export interface MatrixResult {
  readonly points: number;
  readonly runs: number;
  readonly broken: readonly { readonly where: string; readonly outcome: Outcome }[];
}

/** Every crash point of a stage, one at a time. */
export async function crashEverywhere(stage: Stage): Promise<MatrixResult> {
  const clean = await run(stage, 1, new Map());
  const broken: { where: string; outcome: Outcome }[] = [];
  const end = clean.history.findLast((line) => / c1 \S+ ends: /.test(line)) ?? '';
  if (clean.violations.length > 0) broken.push({ where: `${stage.name}, without a crash`, outcome: clean });
  else if (!(expectedEnd[stage.name] ?? /ends: complete/).test(end)) {
    const violations = [{ rule: 'empty-stage', text: `it had nothing to do: ${end}` }];
    broken.push({ where: stage.name, outcome: { ...clean, violations } });
  }
  const verbs = verbsOf(clean.history, 'c1');
  let runs = 1;
  for (const [call, verb] of verbs) {
    const faults: PlannedFault[] = writing.has(verb)
      ? ['die-before', 'die-after', 'die-in-flight', 'fail', 'lose']
      : ['die-before', 'fail'];
    for (const fault of faults) {
      runs++;
      const outcome = await run(stage, 1, new Map([[`c1#${call}`, fault]]));
      if (outcome.violations.length > 0)
        broken.push({ where: `${stage.name}, ${fault} call ${call} (${verb})`, outcome });
    }
  }
  return { points: verbs.size, runs, broken };
}

const pairFaults: readonly PlannedFault[] = ['die-before', 'die-after', 'die-in-flight', 'lose'];

/** Two crashes of one command in a row, drawn: the second run dies as well, at a place of its own. */
export async function crashTwice(stage: Stage, samples: number): Promise<MatrixResult> {
  const random = createDraws(1, stage.name);
  const { history } = await run(stage, 1, new Map());
  const points = verbsOf(history, 'c1').size;
  const broken: { where: string; outcome: Outcome }[] = [];
  for (let i = 0; i < samples; i++) {
    const [a, b] = [Math.floor(random() * points), Math.floor(random() * points)];
    const [first, second] = [0, 1].map(() => pairFaults[Math.floor(random() * pairFaults.length)]!);
    const planned = new Map<string, PlannedFault>([
      [`c1#${a}`, first!],
      [`c2#${b}`, second!],
    ]);
    const outcome = await run(stage, 2, planned, 2 + i);
    if (outcome.violations.length > 0)
      broken.push({ where: `${stage.name}, ${first} call ${a}, then ${second} call ${b}, seed ${2 + i}`, outcome });
  }
  return { points, runs: samples, broken };
}
