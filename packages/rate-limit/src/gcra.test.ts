import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { availableTokens, block, createPace, decide, drain, retune } from './gcra.js';

/** Rates whose interval is a whole number of ms, so that every comparison below is exact. */
const exactRate = fc.constantFrom(1, 2, 4, 5, 10, 20, 25, 50, 100);

describe('decide', () => {
  it('agrees with a token bucket that is counted in whole thousandths of a token', () => {
    const asks = fc.array(fc.record({ gap: fc.nat(400), tokens: fc.integer({ min: 1, max: 8 }) }), { maxLength: 60 });
    fc.assert(
      fc.property(exactRate, fc.integer({ min: 1, max: 8 }), asks, (rate, burst, list) => {
        let pace = createPace(rate, burst, 0);
        let now = 0;
        let level = burst * 1000;
        for (const { gap, tokens } of list) {
          now += gap;
          level = Math.min(burst * 1000, level + gap * rate);
          const needed = Math.min(tokens, burst) * 1000;
          const decision = decide(pace, now, tokens);
          expect(decision.waitMs).toBe(Math.max(0, (needed - level) / rate));
          if (decision.waitMs === 0) level -= tokens * 1000;
          pace = decision.pace;
          expect(availableTokens(pace, now)).toBeCloseTo(level / 1000, 9);
        }
      }),
    );
  });

  it('takes nothing when it says wait', () => {
    const pace = drain(createPace(10, 5, 0), 0);
    const decision = decide(pace, 0, 1);
    expect(decision).toEqual({ waitMs: 100, pace });
  });
});

describe('retune', () => {
  it('keeps the tokens: a cut right after a burst lets no second burst through', () => {
    let pace = createPace(10, 5, 0);
    for (let call = 0; call < 5; call++) pace = decide(pace, 0, 1).pace;
    pace = retune(pace, 0, 5);
    expect(availableTokens(pace, 0)).toBe(0);
    expect(decide(pace, 0, 1).waitMs).toBe(200);
    pace = retune(pace, 0, 10);
    expect(decide(pace, 0, 1).waitMs).toBe(100);
  });

  it('does not stretch a penalty', () => {
    const pace = retune(block(createPace(10, 5, 0), 30_000), 0, 5);
    expect(decide(pace, 0, 1).waitMs).toBe(30_000);
    expect(decide(retune(pace, 0, 1), 30_000, 1).waitMs).toBe(0);
  });
});

describe('block', () => {
  it('lets one token through first, then the pace, not a burst', () => {
    let pace = block(createPace(10, 5, 0), 1_000);
    expect(decide(pace, 999, 1).waitMs).toBe(1);
    pace = decide(pace, 1_000, 1).pace;
    expect(decide(pace, 1_000, 1).waitMs).toBe(100);
  });

  it('holds for parts of a token too', () => {
    expect(decide(block(createPace(10, 5, 0), 1_000), 0, 0.1).waitMs).toBe(1_000);
  });

  it('is never shortened by a later, shorter one', () => {
    expect(decide(block(block(createPace(10, 5, 0), 5_000), 10), 0, 1).waitMs).toBe(5_000);
  });
});
