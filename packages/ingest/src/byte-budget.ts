/** Somebody who holds finished windows that could be landed before their object is full. */
export interface BudgetHolder {
  /** Bytes that `flush` could make free, now. */
  readonly held: () => number;
  /** Lands the longest run as it is; resolves when its bytes are released. Must not reject. */
  readonly flush: () => Promise<void>;
}

/** Bytes of fetched and not yet landed trades, over all products of a process. */
export interface ByteBudget {
  /** Waits until `bytes` may be held. Windows reserve before they are asked for. Rejects with the signal's reason. */
  readonly reserve: (bytes: number, signal: AbortSignal) => Promise<void>;
  /** Corrects a reservation to what a page really holds; never waits. */
  readonly adjust: (by: number) => void;
  /** Gives bytes back. */
  readonly release: (bytes: number) => void;
  /** Bytes held now. */
  readonly used: () => number;
  /** The most that was ever held. */
  readonly peak: () => number;
  /** While somebody waits, the holder of most bytes is flushed, one at a time. Returns the way to leave. */
  readonly join: (holder: BudgetHolder) => () => void;
  /** A holder has more to flush than before: looks again whether somebody waits. */
  readonly relieve: () => void;
}

interface Waiter {
  readonly bytes: number;
  readonly grant: () => void;
}

/** Those who can make bytes free; the one with most is flushed, one at a time, while `isShort`. */
function createHolders(isShort: () => boolean): Pick<ByteBudget, 'join' | 'relieve'> {
  const holders = new Set<BudgetHolder>();
  let isFlushing = false;
  const relieve = (): void => {
    if (isFlushing || !isShort()) return;
    const [greatest] = [...holders].sort((a, b) => b.held() - a.held());
    if (greatest === undefined || greatest.held() <= 0) return;
    isFlushing = true;
    void greatest.flush().finally(() => {
      isFlushing = false;
      relieve();
    });
  };
  return {
    join: (holder) => {
      holders.add(holder);
      return () => holders.delete(holder);
    },
    relieve,
  };
}

/**
 * A counter with a queue. It cannot lock up: what is reserved is either in flight and will finish, or finished and
 * flushed because somebody waits, or being written and released after. A reservation larger than the limit passes when
 * nothing else is held.
 */
export function createByteBudget(limit: number): ByteBudget {
  if (!(limit > 0)) throw new RangeError(`byte budget: expected more than 0 bytes, got ${limit}`);
  let used = 0;
  let peak = 0;
  const waiters: Waiter[] = [];
  const { join, relieve } = createHolders(() => waiters.length > 0);
  const fits = (bytes: number): boolean => used === 0 || used + bytes <= limit;
  const take = (bytes: number): void => {
    used += bytes;
    peak = Math.max(peak, used);
  };
  const grantNext = (): void => {
    while (waiters.length > 0 && fits(waiters[0]!.bytes)) {
      const { bytes, grant } = waiters.shift()!;
      take(bytes);
      grant();
    }
  };
  const enqueue = (bytes: number, signal: AbortSignal, done: () => void, fail: (reason: unknown) => void): void => {
    const abort = (): void => {
      waiters.splice(waiters.indexOf(waiter), 1);
      fail(signal.reason);
      grantNext();
    };
    const grant = (): void => {
      signal.removeEventListener('abort', abort);
      done();
    };
    const waiter: Waiter = { bytes, grant };
    signal.addEventListener('abort', abort, { once: true });
    waiters.push(waiter);
    relieve();
  };
  return {
    reserve: async (bytes, signal) => {
      signal.throwIfAborted();
      if (waiters.length === 0 && fits(bytes)) take(bytes);
      else await new Promise<void>((done, fail) => enqueue(bytes, signal, done, fail));
    },
    adjust: (by) => {
      take(by);
      grantNext();
    },
    release: (bytes) => {
      used -= bytes;
      grantNext();
    },
    used: () => used,
    peak: () => peak,
    join,
    relieve,
  };
}
