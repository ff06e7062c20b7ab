import { describe, expect, it } from 'vitest';
import { block, createPace, type Pace } from './gcra.js';
import { type Candidate, planStarts } from './plan.js';

interface Named extends Candidate {
  readonly name: string;
}

let arrivals = 0;

function call(name: string, priority: number, tokens: Record<string, number>, followed = false): Named {
  const cost = Object.entries(tokens).map(([budget, count]) => ({ budget, tokens: count }));
  return { name, priority, sequence: arrivals++, cost, followed };
}

/** A full bucket that opens at `until`. */
function closedUntil(until: number): Pace {
  return block(createPace(1000, 1, 0), until);
}

function plan(paces: Record<string, Pace>, candidates: readonly Named[]) {
  const result = planStarts({
    now: 0,
    candidates,
    paces: new Map(Object.entries(paces)),
    slots: Number.POSITIVE_INFINITY,
    worstPriority: Number.POSITIVE_INFINITY,
  });
  return { starts: result.starts.map(({ name }) => name), wakeMs: result.wakeMs };
}

describe('planStarts', () => {
  it('a token that a heavy call leaves over goes to a worse priority only when no better call waits behind it', () => {
    const paces = { gate: closedUntil(1_000), shared: createPace(1, 3, 0) };
    const candidates = (followed: boolean) => [
      call('reserves all three at 1,000', 0, { gate: 1, shared: 3 }),
      call('fits only after it', 1, { shared: 2 }, followed),
      call('fits before both', 3, { shared: 1 }),
    ];
    expect(plan(paces, candidates(false)).starts).toEqual(['fits before both']);
    expect(plan(paces, candidates(true)).starts).toEqual([]);
  });

  it('leaves room for all reservations together, not for each alone', () => {
    const paces = { one: closedUntil(1_000), two: closedUntil(1_000), shared: createPace(1, 2, 0) };
    const better = [call('first', 0, { one: 1, shared: 1 }), call('second', 0, { two: 1, shared: 1 })];
    // Two tokens now leave one at 1,000: enough for either, not for both.
    expect(plan(paces, [...better, call('takes two', 1, { shared: 2 })]).starts).toEqual([]);
    expect(plan(paces, [...better, call('takes one', 1, { shared: 1 })]).starts).toEqual(['takes one']);
  });

  it('respects reservations in the order of their times, not of their ranks', () => {
    const paces = { late: closedUntil(2_000), early: closedUntil(500), shared: createPace(1, 2, 0) };
    const candidates = [
      call('needs two at 2,000', 0, { late: 1, shared: 2 }),
      call('needs one at 500', 1, { early: 1, shared: 1 }),
      call('needs one now', 3, { shared: 1 }),
    ];
    expect(plan(paces, candidates)).toEqual({ starts: ['needs one now'], wakeMs: 500 });
  });

  it('finds a time that suits all budgets of a call, whatever their order', () => {
    const paces = { gate: closedUntil(400), other: closedUntil(300), shared: createPace(5, 1, 0) };
    const first = call('needs its one at 400', 0, { gate: 1, shared: 1 });
    // At 300 the token would not be back by 400: it has to go second, at 600.
    for (const tokens of [
      { shared: 1, other: 1 },
      { other: 1, shared: 1 },
    ]) {
      expect(plan(paces, [first, call('free of its gate at 300', 1, tokens)])).toEqual({ starts: [], wakeMs: 400 });
    }
  });

  it('needs no alarm when nothing waits for tokens', () => {
    expect(plan({ a: createPace(1, 1, 0) }, [call('goes', 0, { a: 1 })])).toEqual({
      starts: ['goes'],
      wakeMs: undefined,
    });
    expect(plan({}, [call('free', 0, {})])).toEqual({ starts: ['free'], wakeMs: undefined });
  });
});
