import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFetchTransport } from './fetch-transport.js';
import { confirmFloor, findFloor, findProvisionalFloor } from './find-floor.js';
import {
  createManualClock,
  createMemoryConnector,
  createSimulatedVenue,
  memoryDialect,
  memoryPolicy,
  sampleProduct,
  sampleTrade,
} from './testing/index.js';

const product = sampleProduct('BTC-USD');

/** A venue of these ids, the connector over it, and what was asked over which kind of connection. */
function stage(ids: readonly number[]) {
  const venue = createSimulatedVenue(memoryDialect);
  const load = (held: readonly number[]): void => venue.load([{ product, trades: held.map(sampleTrade) }]);
  load(ids);
  const sleeps: number[] = [];
  const fresh: string[] = [];
  let slept = 0;
  const clock = {
    ...createManualClock(),
    sleep: async (ms: number) => {
      sleeps.push(ms);
      slept += ms;
    },
  };
  /** The venue's clock runs with ours. */
  const fetch: typeof venue.fetch = async (url, init) => {
    const reply = await venue.fetch(url, init);
    const date = reply.headers.get('date');
    if (date !== null) reply.headers.set('date', new Date(Date.parse(date) + slept).toUTCString());
    return reply;
  };
  const transport = createFetchTransport({
    policy: memoryPolicy,
    clock: createManualClock(),
    fetch,
    freshFetch: (url, init) => {
      fresh.push(url);
      return fetch(url, init);
    },
  });
  const connector = createMemoryConnector({ transport, clock });
  return { venue, load, connector, clock, sleeps, fresh, product: product.id };
}

describe('findProvisionalFloor', () => {
  it('finds the lowest id of any history within the requests it promises', async () => {
    const lowest = fc.oneof(
      fc.nat(3),
      fc.nat(999),
      fc.nat(20_000),
      fc.nat(1_000_000_000),
      fc.maxSafeNat().map((id) => Math.floor(id / 2)),
    );
    await fc.assert(
      fc.asyncProperty(lowest, fc.array(fc.integer({ min: 1, max: 5000 }), { maxLength: 20 }), async (first, steps) => {
        const ids = [first];
        for (const step of steps) ids.push(ids.at(-1)! + step);
        const { venue, ...options } = stage(ids);
        const found = await findProvisionalFloor({ ...options, head: ids.at(-1)! });
        expect(found.floor).toBe(first);
        expect(venue.urls().length).toBeLessThanOrEqual(70);
        expect(found.page?.ids[0]).toBe(first < 1000 ? first : undefined);
      }),
    );
  });

  it.each([1000, 1001, 4999, 5000, 5001, 9998, 9999, 10_000])(
    'finds the lowest of a dense history from %i',
    async (first) => {
      const ids = Array.from({ length: 50 }, (_, at) => first + at);
      expect((await findProvisionalFloor({ ...stage(ids), head: ids.at(-1)! })).floor).toBe(first);
    },
  );

  it('looks ten times further up each time', async () => {
    const { venue, ...options } = stage([2_000_000, 2_000_001]);
    await findProvisionalFloor({ ...options, head: 2_000_001 });
    const asked = venue.urls().map((url) => Number(new URL(url).searchParams.get('upTo')));
    expect(asked.slice(0, 6)).toEqual([999, 9999, 99_999, 999_999, 2_000_001, 1_499_999]);
  });

  it('takes an ordinary history in two requests and keeps the first page as data', async () => {
    const { venue, ...options } = stage(Array.from({ length: 2000 }, (_, at) => at + 3));
    const { floor, page, evidence } = await findProvisionalFloor({ ...options, head: 2002 });
    expect(floor).toBe(3);
    expect(page?.ids).toHaveLength(997);
    expect(venue.urls()).toHaveLength(2);
    expect(evidence).toEqual([{ request: 'ids 0 … 999', ids: [999, 3], date: Date.parse('2026-09-27T15:57:30Z') }]);
  });

  it('finds no floor where nothing is shown up to the head', async () => {
    const { venue, ...options } = stage([]);
    expect(await findProvisionalFloor({ ...options, head: 123_456 })).toMatchObject({ floor: undefined });
    expect(venue.urls().at(-1)).toContain('upTo=123456');
  });

  it('writes every question and answer down', async () => {
    const options = stage([1005, 1006]);
    const { evidence } = await findProvisionalFloor({ ...options, head: 1006 });
    expect(evidence[0]).toMatchObject({ request: 'ids 0 … 999', ids: [] });
    expect(evidence[1]).toMatchObject({ request: '/trades/BTC-USD?upTo=1006&limit=2', ids: [1006, 1005] });
    expect(evidence.slice(2).every(({ ids }) => ids.length === 0)).toBe(true);
  });
});

describe('confirmFloor', () => {
  it('asks twice, 5 s apart, the first time over a fresh connection', async () => {
    const { venue, ...options } = stage([500, 501]);
    expect(await confirmFloor({ ...options, floor: 500 })).toMatchObject({ floor: 500, confirmed: true });
    expect(options.sleeps).toEqual([5000]);
    expect(options.fresh).toEqual([venue.urls()[0]]);
    expect(venue.urls()).toHaveLength(2);
    expect(venue.urls()[0]).toContain('upTo=499');
  });

  it('lowers the floor when a row appears below it, and confirms the lower one', async () => {
    const options = stage([90, 91, 480, 500]);
    expect(await confirmFloor({ ...options, floor: 500 })).toMatchObject({ floor: 90, confirmed: true });
  });

  it('notices a row that only the second answer shows', async () => {
    const { venue, ...options } = stage([450, 500]);
    venue.inject({ kind: 'missing-row', id: 450 });
    expect(await confirmFloor({ ...options, floor: 500 })).toMatchObject({ floor: 450, confirmed: true });
    expect(options.sleeps).toEqual([5000, 5000]);
  });

  it('leaves a floor unconfirmed that keeps giving way', async () => {
    const { load, ...options } = stage([500]);
    let floor = 500;
    const connector = {
      ...options.connector,
      probe: async (...args: Parameters<typeof options.connector.probe>) => {
        floor -= 10;
        load([floor, 500]);
        return options.connector.probe(...args);
      },
    };
    expect(await confirmFloor({ ...options, connector, floor: 500 })).toMatchObject({ floor: 460, confirmed: false });
  });

  it.each([4999, 5000, undefined])(
    'believes two answers 5 s apart by the clock of the venue: %s ms',
    async (apartMs) => {
      const options = stage([500]);
      let first: number | undefined;
      const connector = {
        ...options.connector,
        probe: async (...args: Parameters<typeof options.connector.probe>) => {
          const answer = await options.connector.probe(...args);
          const isFirst = args[2]?.freshConnection === true;
          first ??= answer.date!;
          return { ...answer, date: isFirst ? first : apartMs === undefined ? undefined : first + apartMs };
        },
      };
      expect(await confirmFloor({ ...options, connector, floor: 500 })).toMatchObject({
        floor: 500,
        confirmed: apartMs === 5000,
      });
    },
  );

  it('knows that nothing lies below 0', async () => {
    const { venue, ...options } = stage([0, 1]);
    expect(await confirmFloor({ ...options, floor: 0 })).toEqual({ floor: 0, confirmed: true, evidence: [] });
    expect(venue.urls()).toHaveLength(0);
  });

  it('refuses to wait less than 5 s', async () => {
    await expect(confirmFloor({ ...stage([5]), floor: 5, waitMs: 4999 })).rejects.toMatchObject({
      code: 'invalid-option',
    });
  });

  it('stops waiting when told to', async () => {
    const clock = createManualClock();
    const controller = new AbortController();
    const reason = new Error('stop');
    const { connector } = stage([500]);
    const done = confirmFloor({ connector, product: product.id, floor: 500, clock, signal: controller.signal });
    await clock.whenSleeping();
    controller.abort(reason);
    await expect(done).rejects.toBe(reason);
  });
});

describe('findFloor', () => {
  it('does both', async () => {
    const options = stage([2500, 2501]);
    expect(await findFloor({ ...options, head: 2501 })).toMatchObject({
      floor: 2500,
      confirmed: true,
      page: undefined,
    });
    expect(await findFloor({ ...stage([]), head: 5 })).toMatchObject({ floor: undefined, confirmed: false });
  });
});
