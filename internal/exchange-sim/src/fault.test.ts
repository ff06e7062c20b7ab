import { describe, expect, it } from 'vitest';
import { createManualClock, createVirtualClock, type ManualClock } from './clock.js';
import { type CoinbaseSim, type CoinbaseSimOptions, createCoinbaseSim } from './coinbase-sim.js';
import { type Fault, faultKinds } from './fault.js';
import { agent, descending, get, getIds } from './testing.js';

const nowMs = Date.parse('2025-08-22T20:12:00Z');
const page = '/products/BTC-USD/trades?after=11&limit=10';

function createSim(options: Partial<CoinbaseSimOptions>): { sim: CoinbaseSim; clock: ManualClock } {
  const clock = createManualClock({ nowMs });
  const products = [{ id: 'BTC-USD', trades: 3000 }];
  return { sim: createCoinbaseSim({ products, seed: 7, rateLimit: false, clock, ...options }), clock };
}

/** A stand-in whose first request meets the fault. */
function faulty(fault: Fault): { sim: CoinbaseSim; clock: ManualClock } {
  return createSim({ script: (index) => (index === 0 ? fault : undefined) });
}

async function sound(): Promise<string> {
  return (await get(createSim({}).sim, page)).text();
}

describe('each fault, once, and the next answer is sound', () => {
  it('status: JSON, HTML and maintenance', async () => {
    const seen: unknown[] = [];
    for (const body of ['json', 'html', 'maintenance'] as const) {
      const { sim } = faulty({ kind: 'status', status: 503, body });
      const response = await get(sim, page);
      seen.push([response.status, response.headers.get('content-type'), (await response.text()).slice(0, 50)]);
      expect(await (await get(sim, page)).text()).toBe(await sound());
      expect(sim.stats.faults).toEqual({ status: 1 });
    }
    expect(seen).toEqual([
      [503, 'application/json; charset=utf-8', '{"message":"Service Temporarily Unavailable"}'],
      [503, 'text/html', '<html>\r\n<head><title>503 Service Temporarily Unava'],
      [503, 'application/json; charset=utf-8', '{"message":"Coinbase Exchange is currently under m'],
    ]);
  });

  it('no-reply: fetch rejects as undici does', async () => {
    const { sim } = faulty({ kind: 'no-reply' });
    await expect(get(sim, page)).rejects.toMatchObject({
      name: 'TypeError',
      message: 'fetch failed',
      cause: { code: 'ECONNRESET' },
    });
    expect(await (await get(sim, page)).text()).toBe(await sound());
  });

  it('reset: headers and half of the body arrive, then the stream errors', async () => {
    const { sim } = faulty({ kind: 'reset' });
    const response = await get(sim, page);
    expect(response.status).toBe(200);
    const whole = await sound();
    let received = '';
    const read = async (): Promise<void> => {
      for await (const chunk of response.body!) received += Buffer.from(chunk as Uint8Array).toString();
    };
    await expect(read()).rejects.toMatchObject({
      name: 'TypeError',
      message: 'terminated',
      cause: { code: 'ECONNRESET' },
    });
    expect(received).toBe(whole.slice(0, Math.floor(whole.length / 2)));
    await expect(
      faulty({ kind: 'reset', afterBytes: 0 })
        .sim.fetch(`https://x${page}`, agent)
        .then((r) => r.text()),
    ).rejects.toThrow('terminated');
  });

  it('truncated: status 200, lengths agree, JSON stops', async () => {
    const response = await get(faulty({ kind: 'truncated' }).sim, page);
    const text = await response.text();
    expect([response.status, response.headers.get('content-length')]).toEqual([200, String(text.length)]);
    expect((await sound()).startsWith(text)).toBe(true);
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
  });

  it('content-length: promises too much and breaks, or too little and cuts', async () => {
    const whole = await sound();
    const long = await get(faulty({ kind: 'content-length' }).sim, page);
    expect(long.headers.get('content-length')).toBe(String(whole.length + 64));
    await expect(long.text()).rejects.toThrow('terminated');
    const short = await get(faulty({ kind: 'content-length', by: -9 }).sim, page);
    expect(await short.text()).toBe(whole.slice(0, -9));
  });

  it('slow: waits on the clock before the headers or in the body, and honours the signal', async () => {
    const late = faulty({ kind: 'slow', delayMs: 5000 });
    let answered = false;
    const reply = get(late.sim, page).then((response) => {
      answered = true;
      return response.text();
    });
    await late.clock.advance(4999);
    expect(answered).toBe(false);
    await late.clock.advance(1);
    expect(await reply).toBe(await sound());

    const abort = new AbortController();
    const waiting = faulty({ kind: 'slow' });
    const given = waiting.sim.fetch(`https://x${page}`, { ...agent, signal: abort.signal });
    abort.abort(new Error('time-out'));
    await expect(given).rejects.toThrow('time-out');
    expect([waiting.clock.sleepers(), waiting.sim.stats.inFlight]).toEqual([0, 0]);

    const stall = new AbortController();
    const body = faulty({ kind: 'slow', at: 'body' });
    const response = await body.sim.fetch(`https://x${page}`, { ...agent, signal: stall.signal });
    const text = response.text();
    const failed = expect(text).rejects.toThrow('stalled');
    await new Promise(setImmediate);
    expect(body.clock.sleepers()).toBe(1);
    stall.abort(new Error('stalled'));
    await failed;

    const patient = faulty({ kind: 'slow', at: 'body', delayMs: 10 });
    const whole = (await get(patient.sim, page)).text();
    await new Promise(setImmediate);
    await patient.clock.advance(10);
    expect(await whole).toBe(await sound());
  });

  it('pages that are short, empty, lack a row, repeat or shuffle rows', async () => {
    const ids = async (fault: Fault): Promise<[number[], string | null]> => {
      const response = await get(faulty(fault).sim, page);
      const rows = (await response.json()) as { trade_id: number }[];
      return [rows.map((row) => row.trade_id), response.headers.get('cb-after')];
    };
    expect(await ids({ kind: 'short-page' })).toEqual([descending(10, 6), '6']);
    expect(await ids({ kind: 'short-page', keep: 1 })).toEqual([[10], '10']);
    expect(await ids({ kind: 'empty-page' })).toEqual([[], null]);
    expect(await ids({ kind: 'missing-row' })).toEqual([[10, 9, 8, 7, 6, 4, 3, 2, 1], '1']);
    const [twice] = await ids({ kind: 'duplicate-rows' });
    expect([...new Set(twice)]).toEqual(descending(10, 1));
    expect(twice.length).toBeGreaterThan(10);
    const [shuffled] = await ids({ kind: 'unsorted-rows' });
    expect(shuffled).not.toEqual(descending(10, 1));
    expect([...shuffled].sort((a, b) => b - a)).toEqual(descending(10, 1));
  });

  it('rows with ids as text and times without fraction, all else untouched', async () => {
    const whole = await sound();
    const text = await (await get(faulty({ kind: 'text-ids' }).sim, page)).text();
    expect(text).toBe(whole.replace(/"trade_id":(\d+)/g, '"trade_id":"$1"'));
    const stripped = await (await get(faulty({ kind: 'stripped-fractions' }).sim, page)).text();
    expect(stripped).toBe(whole.replace(/\.\d+Z/g, 'Z'));
    expect(stripped).not.toBe(whole);
  });

  it('does nothing, and is not counted, where it cannot apply', async () => {
    for (const kind of [
      'short-page',
      'missing-row',
      'unsorted-rows',
      'empty-page',
      'stale-head',
      'text-ids',
    ] as const) {
      const { sim } = faulty({ kind });
      expect((await get(sim, '/products')).status).toBe(200);
      expect(sim.stats.faults).toEqual({});
    }
    const { sim } = faulty({ kind: 'missing-row' });
    expect(await getIds(sim, '/products/BTC-USD/trades?after=11&limit=2')).toEqual([10, 9]);
  });
});

describe('seeded faults', () => {
  const run = async (seed: number): Promise<string> => {
    const { sim } = createSim({
      seed,
      faults: { share: 0.25, kinds: faultKinds.filter((kind) => kind !== 'slow') },
      requestLog: 400,
    });
    for (let i = 0; i < 400; i++)
      await get(sim, page)
        .then((response) => response.text())
        .catch(() => undefined);
    return sim.control
      .requests()
      .map((request) => `${request.status}${request.fault ?? ''}`)
      .join(' ');
  };

  it('are the same for the same seed and hit the share asked for', async () => {
    const once = await run(1);
    expect(await run(1)).toBe(once);
    expect(await run(2)).not.toBe(once);
    const kinds = new Set(once.match(/[a-z][a-z-]+/g));
    // A page with cursor has no stale head to show, and `slow` was left out.
    expect([...kinds].sort()).toEqual(faultKinds.filter((kind) => kind !== 'slow' && kind !== 'stale-head').sort());
    expect(once.split(' ').filter((word) => /[a-z]/.test(word)).length).toBe(94);
  });

  it('go behind the script', async () => {
    const { sim } = createSim({ faults: { share: 1, kinds: ['status'] }, script: () => ({ kind: 'truncated' }) });
    await get(sim, page);
    expect(sim.stats.faults).toEqual({ truncated: 1 });
  });

  it('never change the truth', async () => {
    const { sim } = createSim({ faults: { share: 1 } });
    expect([...sim.control.tradesOf('BTC-USD')]).toEqual([...createSim({}).sim.control.tradesOf('BTC-USD')]);
  });
});

it('an outage lasts from its first to its last instant, or until it is ended', async () => {
  const { sim, clock } = createSim({ outages: [{ fromMs: nowMs + 10, untilMs: nowMs + 20 }] });
  const status = async (): Promise<number> => (await get(sim, page)).status;
  const seen = [await status()];
  for (const ms of [10, 10, 1]) {
    await clock.advance(ms);
    seen.push(await status());
  }
  expect(seen).toEqual([200, 503, 503, 200]);
  const end = sim.control.addOutage({ fromMs: 0, untilMs: Number.POSITIVE_INFINITY, fault: { kind: 'no-reply' } });
  await expect(get(sim, page)).rejects.toThrow('fetch failed');
  end();
  expect(await status()).toBe(200);
});

it('latency is seeded, drawn between its bounds and waited on the clock', async () => {
  const waits = async (seed: number): Promise<number[]> => {
    const { sim, clock } = createSim({ seed, latencyMs: { min: 100, max: 300 } });
    const seen: number[] = [];
    for (let i = 0; i < 20; i++) {
      const from = clock.now();
      let done = false;
      const reply = get(sim, page).then(() => {
        done = true;
      });
      while (!done) await clock.advance(1);
      await reply;
      seen.push(clock.now() - from);
    }
    return seen;
  };
  const seen = await waits(1);
  expect(await waits(1)).toEqual(seen);
  expect(Math.min(...seen)).toBeGreaterThanOrEqual(100);
  expect(Math.max(...seen)).toBeLessThanOrEqual(301);
  expect(new Set(seen).size).toBeGreaterThan(10);
});

it('lognormal latency has its mean and its tail, and the uplink delays the arrival', async () => {
  const clock = createVirtualClock({ nowMs: 0 });
  const [latencyMs, uplinkMs] = [{ mean: 1800, sigma: 0.5 }, 40];
  const sim = createCoinbaseSim({
    seed: 1,
    clock,
    rateLimit: false,
    latencyMs,
    uplinkMs,
    products: [],
    requestLog: 4000,
  });
  const seen: number[] = [];
  for (let i = 0; i < 4000; i++) {
    const from = clock.now();
    await get(sim, '/time');
    seen.push(clock.now() - from - 40);
    expect(sim.requests().at(-1)?.atMs).toBe(from + 40);
  }
  const mean = seen.reduce((sum, ms) => sum + ms, 0) / seen.length;
  // The seed decides them: the mean of 4,000 draws, and the share above twice the median (8.3 % of a normal's tail).
  expect(mean).toBeGreaterThan(1750);
  expect(mean).toBeLessThan(1850);
  const tail = seen.filter((ms) => ms > 2 * 1800 * Math.exp(-0.125)).length / seen.length;
  expect(tail).toBeGreaterThan(0.065);
  expect(tail).toBeLessThan(0.1);
});

it('counts the requests in flight', async () => {
  const { sim, clock } = createSim({ latencyMs: 50 });
  const all = [get(sim, page), get(sim, page), get(sim, page)];
  expect(sim.stats).toMatchObject({ inFlight: 3, peakInFlight: 3 });
  await clock.advance(50);
  await Promise.all(all);
  expect(sim.stats).toMatchObject({ inFlight: 0, peakInFlight: 3 });
});
