import { RangeSet } from '@schemahub/coverage';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAssembler, type FinishedWindow } from './assembler.js';

function windowOf(first: number, last: number, ids: readonly number[] = [first, last]): FinishedWindow {
  const rows = { ids: Float64Array.from(ids), bytes: new Uint8Array(), digests: [] };
  const lastTrade = { id: last, ts: '', side: '', price: '', quantity: '' };
  return { first, last, rows, lastTrade, bytes: ids.length };
}

const spans = (pieces: readonly (readonly FinishedWindow[])[]): string[] =>
  pieces.map((piece) => piece.map(({ first }) => first).join(' '));

describe('assembler', () => {
  it('joins over what is finished or held, never over what is unfinished', () => {
    let unfinished = RangeSet.of(20, 29);
    const assembler = createAssembler({ objectTrades: 100, order: 'oldest', unfinished: () => unfinished });
    for (const first of [40, 0, 30, 10]) assembler.add(windowOf(first, first + 9));
    expect(assembler.heldBytes()).toBe(8);
    expect(spans([assembler.takeLongest()!])).toEqual(['0 10']);
    unfinished = RangeSet.empty;
    assembler.add(windowOf(0, 9));
    expect(spans(assembler.takeAll())).toEqual(['0 30 40']);
    expect([assembler.heldBytes(), assembler.takeAll(), assembler.takeLongest()]).toEqual([0, [], undefined]);
  });

  it('cuts at the trades of an object and at a million ids, from the side on which the plan began', () => {
    for (const order of ['oldest', 'newest'] as const) {
      const assembler = createAssembler({ objectTrades: 4, order, unfinished: () => RangeSet.empty });
      for (const first of [0, 10, 20, 30, 40]) assembler.add(windowOf(first, first + 9));
      expect(spans(assembler.takeFull())).toEqual(order === 'oldest' ? ['0 10', '20 30'] : ['30 40', '10 20']);
      expect(spans(assembler.takeAll())).toEqual([order === 'oldest' ? '40' : '0']);
    }
    const wide = createAssembler({ objectTrades: 100, order: 'oldest', unfinished: () => RangeSet.empty });
    for (const first of [5, 1_000_004, 1_000_005]) wide.add(windowOf(first, first, [first]));
    expect(spans(wide.takeAll())).toEqual(['5 1000004', '1000005']);
  });

  it('gives every window back exactly once', () => {
    const action = fc.oneof(fc.nat(60), fc.constantFrom('full', 'longest'));
    fc.assert(
      fc.property(
        fc.array(action),
        fc.constantFrom('oldest', 'newest'),
        fc.integer({ min: 1, max: 9 }),
        (list, order, objectTrades) => {
          const firsts = new Set<number>();
          const taken: number[] = [];
          const take = (pieces: readonly (readonly FinishedWindow[])[]): void => {
            for (const piece of pieces) taken.push(...piece.map(({ first }) => first));
          };
          const assembler = createAssembler({
            objectTrades,
            order: order as 'oldest',
            unfinished: () => RangeSet.empty,
          });
          for (const one of list) {
            if (one === 'full') take(assembler.takeFull());
            else if (one === 'longest') take([assembler.takeLongest() ?? []]);
            else if (!firsts.has(one as number)) {
              firsts.add(one as number);
              assembler.add(windowOf(one as number, one as number, [one as number]));
            }
          }
          take(assembler.takeAll());
          expect(taken.sort((a, b) => a - b)).toEqual([...firsts].sort((a, b) => a - b));
        },
      ),
    );
  });
});
