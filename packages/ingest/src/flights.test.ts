import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFlights, type FlightMember, requestsInHand } from './flights.js';
import { poolWhileIdle } from './pool.js';

describe('requests in hand', () => {
  it.each([
    ['before the first answer: as many as allowed', 10, undefined, 30],
    ['10 a second that take 1.8 s: 18 and headroom', 10, 1.8, 29],
    ['at most the limit', 10, 20, 30],
    ['a quick exchange needs few', 10, 0.05, 3],
    ['a rate cut by 429s needs fewer', 1, 1.8, 5],
    ['products with budgets of their own are not bounded by a rate', Number.POSITIVE_INFINITY, 0.1, 30],
  ])('%s', (_, requestsPerSecond, latencySeconds, expected) => {
    expect(requestsInHand({ requestsPerSecond, latencySeconds }, 30)).toBe(expected);
  });
});

describe('flights', () => {
  it('never above the limit, never idle while somebody wants, the neediest first: random products', async () => {
    const script = fc.array(
      fc.record({ who: fc.nat(4), what: fc.constantFrom('want', 'rest', 'launch', 'end', 'limit'), n: fc.nat(11) }),
      { maxLength: 120, size: 'max' },
    );
    fc.assert(
      fc.property(script, (steps) => {
        let limit = 5;
        const flights = createFlights(() => limit);
        const members = Array.from({ length: 5 }, () => {
          const member = flights.join();
          member.ask({ ready: false, more: false });
          return { member, wants: false, ends: [] as (() => void)[] };
        });
        const total = () => members.reduce((sum, { ends }) => sum + ends.length, 0);
        for (const { who, what, n } of steps) {
          const own = members[who]!;
          if (what === 'limit') limit = n + 1;
          else if (what === 'want') own.wants = true;
          else if (what === 'rest') own.wants = false;
          else if (what === 'end') own.ends.splice(0, 1)[0]?.();
          for (const { member, wants } of members) member.ask({ ready: wants, more: wants });
          // Everybody's wishes are known: only now are the answers of one moment.
          const may = members.map(({ member, wants }) => member.ask({ ready: wants, more: wants }));
          const wanting = members.filter(({ wants }) => wants);
          expect(may.some(Boolean)).toBe(total() < limit && wanting.length > 0);
          const fewest = Math.min(...wanting.map(({ ends }) => ends.length));
          members.forEach(({ ends, wants }, i) => {
            if (may[i]) expect([wants, ends.length]).toEqual([true, fewest]);
          });
          expect(flights.isIdle()).toBe(total() < limit && wanting.length === 0);
          if (what !== 'launch' || !may[who]) continue;
          own.ends.push(own.member.begin());
          expect(total()).toBeLessThanOrEqual(limit);
        }
      }),
    );
  });

  it('whoever was refused hears of every beginning and end', async () => {
    const flights = createFlights(() => 2);
    const [a, b] = [flights.join(), flights.join()] as [FlightMember, FlightMember];
    expect(b.ask({ ready: true, more: true })).toBe(true);
    const first = a.begin();
    expect(a.ask({ ready: true, more: true })).toBe(false);
    const heard = flights.changed();
    const second = b.begin();
    await heard;
    const later = flights.changed();
    first();
    await later;
    first();
    second();
    a.leave();
    expect(b.ask({ ready: true, more: true })).toBe(true);
  });
});

describe('a pool that grows while the exchange is idle', () => {
  const turns = async (): Promise<void> => {
    for (let i = 0; i < 50; i++) await Promise.resolve();
  };

  it('begins more than its lanes while requests are few, and no more once somebody wants them', async () => {
    const flights = createFlights(() => 6);
    const ends: (() => void)[] = [];
    const begun: number[] = [];
    const done = poolWhileIdle([0, 1, 2, 3, 4, 5, 6, 7], { lanes: 2, most: 6, flights }, async (item) => {
      begun.push(item);
      const end = flights.begin(item === 2 ? 3 : 1);
      await new Promise<void>((resolve) => ends.push(resolve));
      end();
    });
    await turns();
    // 1 + 1 + 3 are in hand; one more fits.
    expect(begun).toEqual([0, 1, 2, 3]);
    // It waits for its bytes, but it will want them all.
    const member = flights.join();
    member.ask({ ready: false, more: true });
    ends[2]?.();
    await turns();
    expect(begun).toEqual([0, 1, 2, 3]);
    member.ask({ ready: false, more: false });
    await turns();
    expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6]);
    for (let i = 0; i < 8; i++) {
      ends[i]?.();
      await turns();
    }
    await done;
    expect(begun).toHaveLength(8);
  });

  it('the first error ends it after what is under way', async () => {
    const flights = createFlights(() => 3);
    const seen: number[] = [];
    const work = async (item: number): Promise<void> => {
      seen.push(item);
      await Promise.resolve();
      if (item === 1) throw new Error('broken');
    };
    await expect(poolWhileIdle([1, 2, 3, 4, 5, 6], { lanes: 1, most: 3, flights }, work)).rejects.toThrow('broken');
    expect(seen.length).toBeLessThan(6);
  });
});
