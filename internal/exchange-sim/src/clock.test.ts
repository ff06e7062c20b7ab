import { describe, expect, it } from 'vitest';
import { createManualClock, createVirtualClock } from './clock.js';

describe('manual clock', () => {
  it('wakes sleepers in the order of their deadlines, and one that sleeps again within the same move', async () => {
    const clock = createManualClock({ nowMs: 1000 });
    const woken: string[] = [];
    const note = async (name: string, ms: number): Promise<void> => {
      await clock.sleep(ms);
      woken.push(`${name}@${clock.now()}`);
    };
    const all = [
      note('late', 30),
      note('early', 10),
      note('twice', 20).then(() => note('again', 5)),
      note('never due', 100),
    ];
    await clock.advance(50);
    expect(woken).toEqual(['early@1010', 'twice@1020', 'again@1025', 'late@1030']);
    expect([clock.now(), clock.sleepers()]).toEqual([1050, 1]);
    await clock.advance(50);
    await Promise.all(all);
    expect(woken.at(-1)).toBe('never due@1100');
  });

  it('rejects an aborted sleep with the reason and forgets the sleeper', async () => {
    const clock = createManualClock({ nowMs: 0 });
    const abort = new AbortController();
    const reason = new Error('stop');
    const slept = clock.sleep(10, abort.signal);
    abort.abort(reason);
    await expect(slept).rejects.toBe(reason);
    await expect(clock.sleep(10, abort.signal)).rejects.toBe(reason);
    expect(clock.sleepers()).toBe(0);
  });
});

it('the virtual clock jumps from deadline to deadline, in order', async () => {
  const clock = createVirtualClock({ nowMs: 0 });
  const woken: number[] = [];
  const note = async (ms: number): Promise<void> => {
    await clock.sleep(ms);
    woken.push(clock.now());
  };
  await Promise.all([note(3_600_000), note(5000), note(1000).then(() => note(1000))]);
  expect(woken).toEqual([1000, 2000, 5000, 3_600_000]);
  await clock.sleep(0);
  expect(clock.now()).toBe(3_600_000);
});
