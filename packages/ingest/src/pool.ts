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
