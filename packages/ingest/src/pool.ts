import type { Flights } from './flights.js';

/**
 * Runs `work` over items, `lanes` at a time, in the order of the list. The first error ends it: no further item is
 * begun, and it is thrown when those under way have ended, so that nothing goes on behind the caller's back.
 */
export async function pool<T>(items: readonly T[], lanes: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const errors: unknown[] = [];
  const lane = async (): Promise<void> => {
    while (next < items.length && errors.length === 0) {
      try {
        await work(items[next++]!);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane));
  if (errors.length > 0) throw errors[0];
}

/** Work that brings an answer; aborted when another copy of the same question was answered first. */
export interface Asked<T, A> {
  readonly ask: (item: T, signal: AbortSignal) => Promise<A>;
  /** Called once for each item. */
  readonly answered: (item: T, answer: A) => void;
}

/**
 * A pool whose slowest answers hold nobody up: a lane that finds nothing left to begin asks again, once, for what has
 * waited longest, and the first answer counts (hedged requests: Dean and Barroso, The Tail at Scale, CACM 2013). At most
 * a lane's worth of questions is asked twice, at a time when nothing else would be; lists no longer than the lanes are
 * asked once. The first error ends it, as in `pool`.
 */
export async function poolHedged<T extends object | string, A>(
  items: readonly T[],
  lanes: number,
  { ask, answered }: Asked<T, A>,
): Promise<void> {
  /** Begun and without an answer, the longest-waiting first. */
  const open = new Map<T, AbortController>();
  const last = new Set<T>();
  let next = 0;
  const errors: unknown[] = [];
  const begin = async (item: T): Promise<void> => {
    const race = open.get(item) ?? new AbortController();
    open.set(item, race);
    try {
      const answer = await ask(item, race.signal);
      if (open.delete(item)) answered(item, answer);
    } catch (error) {
      if (open.delete(item)) errors.push(error);
    }
    race.abort();
  };
  const pick = (): T | undefined => {
    if (next < items.length) return items[next++];
    if (items.length <= lanes) return undefined;
    const [item] = [...open.keys()].filter((one) => !last.has(one));
    if (item !== undefined) last.add(item);
    return item;
  };
  const lane = async (): Promise<void> => {
    for (let item = pick(); item !== undefined && errors.length === 0; item = pick()) await begin(item);
  };
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane));
  if (errors.length > 0) throw errors[0];
}

/**
 * A pool that grows while its work leaves the exchange idle: `lanes` items at a time, and up to `most` when few requests
 * are in hand. `work` counts what it has in hand before it first waits.
 */
export async function poolWhileIdle<T>(
  items: readonly T[],
  { lanes, most, flights }: { readonly lanes: number; readonly most: number; readonly flights: Flights },
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const errors: unknown[] = [];
  const lane = async (isExtra: boolean): Promise<void> => {
    for (;;) {
      while (isExtra && next < items.length && !flights.isIdle()) await flights.changed();
      if (next >= items.length || errors.length > 0) return;
      try {
        await work(items[next++]!);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  const count = Math.min(Math.max(lanes, most), items.length);
  await Promise.all(Array.from({ length: count }, (_, i) => lane(i >= lanes)));
  if (errors.length > 0) throw errors[0];
}
