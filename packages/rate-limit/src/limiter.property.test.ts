import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFifoQueue, createRateLimiter, type Priority, type RateLimiter } from './index.js';
import { createManualClock, type ManualClock, settle } from './testing/manual-clock.js';

/** Every time in these tests is a multiple of it, and so is every interval: all arithmetic is exact. */
const TICK_MS = 10;
const PRIORITIES: readonly Priority[] = ['head', 'live', 'backfill', 'repair'];
const BUDGETS = ['a', 'b'] as const;
type BudgetName = (typeof BUDGETS)[number];

interface Load {
  readonly kind: 'call';
  readonly tokens: Partial<Record<BudgetName, number>>;
  readonly priority: Priority;
  readonly durationTicks: number;
  readonly abortTicks: number | undefined;
}
type Step =
  | Load
  | { readonly kind: 'pause'; readonly ticks: number }
  | { readonly kind: 'penalize'; readonly budget: BudgetName | undefined; readonly ticks: number }
  | { readonly kind: 'throttled'; readonly budget: BudgetName }
  | { readonly kind: 'slots'; readonly count: number }
  | { readonly kind: 'clock'; readonly backMs: number };

const budget = fc.constantFrom(...BUDGETS);
const tokens = fc.integer({ min: 1, max: 3 });
const call: fc.Arbitrary<Load> = fc.record({
  kind: fc.constant('call' as const),
  tokens: fc.oneof(fc.record({ a: tokens }), fc.record({ b: tokens }), fc.record({ a: tokens, b: tokens })),
  priority: fc.constantFrom(...PRIORITIES),
  durationTicks: fc.nat(40),
  abortTicks: fc.option(fc.nat(30), { nil: undefined, freq: 3 }),
});
const pause = fc.record({ kind: fc.constant('pause' as const), ticks: fc.nat(20) });
const disturbance = fc.oneof(
  fc.record({
    kind: fc.constant('penalize' as const),
    budget: fc.option(budget, { nil: undefined }),
    ticks: fc.nat(60),
  }),
  fc.record({ kind: fc.constant('throttled' as const), budget }),
  fc.record({ kind: fc.constant('slots' as const), count: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ kind: fc.constant('clock' as const), backMs: fc.nat(5_000) }),
);
const spec = fc.record({ rate: fc.constantFrom(1, 2, 5, 10, 20, 50), burst: fc.integer({ min: 3, max: 6 }) });
const specs = fc.record({ a: spec, b: spec });
const slots = fc.constantFrom(2, 4, Number.POSITIVE_INFINITY);

/** A call as the test sees it, from outside the limiter. */
interface Observed {
  readonly sequence: number;
  readonly load: Load;
  readonly lane: string;
  state: 'waiting' | 'running' | 'done' | 'aborted';
}

interface Start {
  readonly at: number;
  readonly observed: Observed;
}

interface World {
  readonly clock: ManualClock;
  readonly limiter: RateLimiter;
  readonly calls: readonly Observed[];
  readonly starts: readonly Start[];
  readonly violations: readonly string[];
  readonly waiting: () => readonly Observed[];
  readonly running: () => number;
  readonly schedule: (load: Load) => void;
}

function createWorld(budgets: Record<BudgetName, { rate: number; burst: number }>, maxInFlight: number): World {
  const clock = createManualClock();
  const calls: Observed[] = [];
  const starts: Start[] = [];
  const violations: string[] = [];
  const limiter = createRateLimiter({ budgets, clock, createQueue: createFifoQueue, maxInFlight });
  const waiting = () => calls.filter(({ state }) => state === 'waiting');

  function schedule(load: Load): void {
    const cost = Object.entries(load.tokens).map(([name, count]) => ({ budget: name, tokens: count }));
    const lane = `${load.priority} ${Object.keys(load.tokens).join('+')}`;
    const observed: Observed = { sequence: calls.length, load, lane, state: 'waiting' };
    calls.push(observed);
    const controller = new AbortController();
    const task = async (): Promise<void> => {
      violations.push(...orderViolations(observed, waiting()));
      observed.state = 'running';
      starts.push({ at: clock.elapsed(), observed });
      if (load.durationTicks > 0) await clock.sleep(load.durationTicks * TICK_MS);
      observed.state = 'done';
    };
    limiter.schedule(task, { cost, priority: load.priority, signal: controller.signal }).catch((error: unknown) => {
      if (error !== 'aborted') throw error;
    });
    if (load.abortTicks !== undefined) {
      void clock.sleep(load.abortTicks * TICK_MS).then(() => {
        if (observed.state === 'waiting') observed.state = 'aborted';
        controller.abort('aborted');
      });
    }
  }

  const running = () => calls.filter(({ state }) => state === 'running').length;
  return { clock, limiter, calls, starts, violations, waiting, running, schedule };
}

/** At the moment of a start: nothing that waits came before it in its lane, or is better and costs no more. */
function orderViolations(starting: Observed, waiting: readonly Observed[]): readonly string[] {
  const rank = PRIORITIES.indexOf(starting.load.priority);
  const passed = waiting.filter((other) => {
    if (other === starting) return false;
    if (other.lane === starting.lane) return other.sequence < starting.sequence;
    const costsNoMore = BUDGETS.every((name) => (other.load.tokens[name] ?? 0) <= (starting.load.tokens[name] ?? 0));
    return PRIORITIES.indexOf(other.load.priority) < rank && costsNoMore;
  });
  const wrongState = starting.state === 'waiting' ? [] : [`${starting.sequence} started while ${starting.state}`];
  return [
    ...wrongState,
    ...passed.map((other) => `${starting.sequence} (${starting.lane}) passed ${other.sequence} (${other.lane})`),
  ];
}

/** In no window of any length more than burst + rate × length. */
function checkWindows(starts: readonly Start[], name: BudgetName, rate: number, burst: number): void {
  for (let first = 0; first < starts.length; first++) {
    let sum = 0;
    for (const { at, observed } of starts.slice(first)) {
      sum += (observed.load.tokens[name] ?? 0) * 1000;
      expect(sum).toBeLessThanOrEqual(burst * 1000 + rate * (at - starts[first]!.at));
    }
  }
}

describe('limiter on a virtual clock', () => {
  it('random loads, penalties, 429s, aborts, weights, priorities, clock steps: never too much, never lost, in order', async () => {
    const steps = fc.array(
      fc.oneof({ weight: 6, arbitrary: call }, { weight: 2, arbitrary: pause }, { weight: 2, arbitrary: disturbance }),
      {
        maxLength: 50,
        size: 'max',
      },
    );
    await fc.assert(
      fc.asyncProperty(specs, slots, steps, async (budgets, maxInFlight, script) => {
        const world = createWorld(budgets, maxInFlight);
        const { clock, limiter } = world;
        const penalties: { name: BudgetName; from: number; to: number }[] = [];
        let cap = maxInFlight;
        for (const step of script as readonly Step[]) {
          if (step.kind === 'call') world.schedule(step);
          else if (step.kind === 'pause') await clock.advance(step.ticks * TICK_MS);
          else if (step.kind === 'throttled') limiter.throttled(step.budget);
          else if (step.kind === 'clock') clock.step(-step.backMs);
          else if (step.kind === 'slots') {
            cap = step.count;
            limiter.setMaxInFlight(step.count);
          } else {
            await settle();
            limiter.penalize({ budget: step.budget, delayMs: step.ticks * TICK_MS });
            for (const name of step.budget === undefined ? BUDGETS : [step.budget]) {
              penalties.push({ name, from: world.starts.length, to: clock.elapsed() + step.ticks * TICK_MS });
            }
          }
          // What follows from this moment, the end of tasks among it, has happened before anything is compared.
          await settle();
          const view = limiter.snapshot();
          for (const name of BUDGETS) {
            expect(view.budgets[name]!.rate).toBeLessThanOrEqual(budgets[name].rate);
            expect(view.budgets[name]!.available).toBeLessThanOrEqual(budgets[name].burst);
          }
          expect(view.inFlight).toBeLessThanOrEqual(Math.max(cap, world.running()));
          expect(view.waiting).toBe(world.waiting().length);
        }
        expect(world.violations).toEqual([]);
        // Long enough for the slowest rate, cut to a tenth, and everything that can wait: nothing may be left.
        for (let minute = 0; minute < 60 && world.waiting().length > 0; minute++) await clock.advance(60_000);
        await clock.advance(1_000);
        expect(world.calls.filter(({ state }) => state === 'waiting' || state === 'running')).toEqual([]);
        expect(limiter.snapshot()).toMatchObject({ inFlight: 0, waiting: 0 });
        expect(world.violations).toEqual([]);
        expect(clock.sleepers()).toBe(0);
        for (const name of BUDGETS) checkWindows(world.starts, name, budgets[name].rate, budgets[name].burst);
        for (const { name, from, to } of penalties) {
          const tooEarly = world.starts
            .slice(from)
            .filter(({ at, observed }) => at < to && observed.load.tokens[name] !== undefined);
          expect(tooEarly).toEqual([]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('work is conserved: no call waits while slot and tokens are there and nobody better needs them', async () => {
    const steps = fc.array(fc.oneof({ weight: 3, arbitrary: call }, { weight: 1, arbitrary: pause }), {
      maxLength: 40,
      size: 'max',
    });
    await fc.assert(
      fc.asyncProperty(specs, slots, steps, async (budgets, maxInFlight, script) => {
        const world = createWorld(budgets, maxInFlight);
        // An independent token bucket in thousandths, filled by time and emptied by what was seen to start.
        const level = { a: budgets.a.burst * 1000, b: budgets.b.burst * 1000 };
        let modelTime = 0;
        let seen = 0;
        function fillUntil(time: number): void {
          for (const name of BUDGETS) {
            level[name] = Math.min(budgets[name].burst * 1000, level[name] + budgets[name].rate * (time - modelTime));
          }
          modelTime = time;
        }
        function checkNow(): void {
          for (; seen < world.starts.length; seen++) {
            const { at, observed } = world.starts[seen]!;
            fillUntil(at);
            for (const name of BUDGETS) level[name] -= (observed.load.tokens[name] ?? 0) * 1000;
            for (const name of BUDGETS) expect(level[name]).toBeGreaterThanOrEqual(0);
          }
          fillUntil(world.clock.elapsed());
          if (world.running() >= maxInFlight) return;
          const ranked = [...world.waiting()].sort(
            (x, y) =>
              PRIORITIES.indexOf(x.load.priority) - PRIORITIES.indexOf(y.load.priority) || x.sequence - y.sequence,
          );
          const needed = new Set<BudgetName>();
          for (const { load } of ranked) {
            const own = BUDGETS.filter((name) => load.tokens[name] !== undefined);
            const free = own.every((name) => !needed.has(name) && level[name] >= load.tokens[name]! * 1000);
            expect(free, 'a call waits although its tokens are there').toBe(false);
            for (const name of own) needed.add(name);
          }
        }
        async function advance(ticks: number): Promise<void> {
          for (let tick = 0; tick < ticks; tick++) {
            await world.clock.advance(TICK_MS);
            checkNow();
          }
        }
        for (const step of script as readonly Step[]) {
          if (step.kind === 'call') world.schedule(step);
          else if (step.kind === 'pause') {
            await settle();
            checkNow();
            await advance(step.ticks);
          }
        }
        await settle();
        checkNow();
        await advance(100);
      }),
      { numRuns: 150 },
    );
  });
});
