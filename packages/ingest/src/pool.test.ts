import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { poolHedged } from './pool.js';

interface Question {
  readonly item: string;
  readonly signal: AbortSignal;
  readonly answer: (text: string) => void;
  readonly fail: (error: Error) => void;
}

/** Questions under way, answered by the test. Deaf ones are answered although they were aborted: the answer was there. */
function questions(isDeaf = false): {
  readonly open: Question[];
  readonly ask: (item: string, signal: AbortSignal) => Promise<string>;
} {
  const open: Question[] = [];
  const ask = (item: string, signal: AbortSignal): Promise<string> =>
    new Promise((answer, fail) => {
      open.push({ item, signal, answer, fail });
      if (!isDeaf) signal.addEventListener('abort', () => fail(new Error('aborted')));
    });
  return { open, ask };
}

/** Lets everything run that waits for nothing. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a pool whose slowest answers hold nobody up', () => {
  it('asks again for what has waited longest when nothing is left to begin; the first answer counts', async () => {
    const { open, ask } = questions();
    const answers: string[] = [];
    const all = poolHedged(['a', 'b', 'c'], 2, { ask, answered: (item, text) => answers.push(`${item}: ${text}`) });
    expect(open.map(({ item }) => item)).toEqual(['a', 'b']);
    open[1]!.answer('one');
    await turn();
    expect(open.map(({ item }) => item)).toEqual(['a', 'b', 'c']);
    open[2]!.answer('two');
    await turn();
    expect(open.map(({ item }) => item)).toEqual(['a', 'b', 'c', 'a']);
    expect(open[0]!.signal.aborted).toBe(false);
    open[3]!.answer('three');
    await all;
    expect(answers).toEqual(['b: one', 'c: two', 'a: three']);
    expect(open[0]!.signal.aborted).toBe(true);
  });

  it('asks once where there are no more items than lanes', async () => {
    const { open, ask } = questions();
    const all = poolHedged(['a', 'b'], 2, { ask, answered: () => undefined });
    open[1]!.answer('one');
    await turn();
    expect(open).toHaveLength(2);
    open[0]!.answer('two');
    await all;
  });

  it('begins nothing after an error, and throws it when all under way have ended', async () => {
    const { open, ask } = questions();
    let error: unknown;
    let isOver = false;
    const all = poolHedged(['a', 'b', 'c', 'd'], 2, { ask, answered: () => undefined }).catch((caught: unknown) => {
      error = caught;
      isOver = true;
    });
    open[0]!.fail(new Error('broken'));
    await turn();
    expect(open).toHaveLength(2);
    expect(isOver).toBe(false);
    open[1]!.answer('one');
    await all;
    expect(error).toEqual(new Error('broken'));
  });

  it('tells every item once and asks for none more than twice, whatever answers first', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 12 }),
        fc.integer({ min: 1, max: 5 }),
        fc.infiniteStream(fc.nat()),
        fc.boolean(),
        async (count, lanes, choices, isDeaf) => {
          const { open, ask } = questions(isDeaf);
          const told: string[] = [];
          const items = Array.from({ length: count }, (_, i) => `${i}`);
          let isOver = false;
          const all = poolHedged(items, lanes, { ask, answered: (item) => told.push(item) }).then(() => {
            isOver = true;
          });
          const answered = new Set<Question>();
          for (await turn(); !isOver; await turn()) {
            const waiting = open.filter((one) => !answered.has(one) && (isDeaf || !one.signal.aborted));
            expect(waiting.length).toBeLessThanOrEqual(lanes);
            const one = waiting[choices.next().value % waiting.length]!;
            answered.add(one);
            one.answer('');
          }
          await all;
          expect([...told].sort()).toEqual([...items].sort());
          for (const item of items) expect(open.filter((one) => one.item === item).length).toBeLessThanOrEqual(2);
        },
      ),
      { numRuns: 200 },
    );
  });
});
