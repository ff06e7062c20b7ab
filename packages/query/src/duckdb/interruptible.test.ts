import { describe, expect, it } from 'vitest';
import { interruptible } from './interruptible.js';
import type { Connection } from './session.js';

/** A connection that forgets so many interrupts, as DuckDB does while no query has begun, and then rejects its work. */
function forgetfulConnection(forgotten: number) {
  const { promise, reject } = (() => {
    let reject: (cause: Error) => void = () => undefined;
    const promise = new Promise<string>((_, no) => {
      reject = no;
    });
    return { promise, reject };
  })();
  const seen = { interrupts: 0 };
  const interrupt = (): void => {
    seen.interrupts += 1;
    if (seen.interrupts > forgotten) reject(new Error('INTERRUPT Error: Interrupted!'));
  };
  return { connection: { interrupt } as unknown as Connection, work: () => promise, seen };
}

const turnOfTheLoop = () => new Promise((resolve) => setImmediate(resolve));

describe('interruptible', () => {
  it('interrupts until DuckDB has heard it, then throws the reason', async () => {
    const controller = new AbortController();
    const { connection, work, seen } = forgetfulConnection(5);
    const running = interruptible(connection, controller.signal, work);
    controller.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
    expect(seen.interrupts).toBe(6);
    await turnOfTheLoop();
    await turnOfTheLoop();
    expect(seen.interrupts).toBe(6);
  });

  it('does not begin after an abort, and leaves work alone that has ended', async () => {
    const { connection, work, seen } = forgetfulConnection(0);
    await expect(interruptible(connection, AbortSignal.abort(new Error('before')), work)).rejects.toThrow('before');
    const controller = new AbortController();
    expect(await interruptible(connection, controller.signal, async () => 'done')).toBe('done');
    controller.abort();
    await turnOfTheLoop();
    expect(seen.interrupts).toBe(0);
  });

  it('passes failures on', async () => {
    const { connection } = forgetfulConnection(0);
    const work = () => Promise.reject(new Error('IO Error'));
    await expect(interruptible(connection, new AbortController().signal, work)).rejects.toThrow('IO Error');
  });
});
