import { Agent, request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createManualClock } from './clock.js';
import { type CoinbaseSim, type CoinbaseSimOptions, createCoinbaseSim } from './coinbase-sim.js';
import type { Fault } from './fault.js';
import { type SimServer, serve } from './serve.js';
import { agent, get } from './testing.js';

const page = '/products/BTC-USD/trades?after=801&limit=800';
const running: SimServer[] = [];

afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

async function start(
  options: Partial<CoinbaseSimOptions> = {},
): Promise<{ sim: CoinbaseSim; url: string; server: SimServer }> {
  const sim = createCoinbaseSim({ products: [{ id: 'BTC-USD', trades: 3000 }], seed: 7, rateLimit: false, ...options });
  const server = await serve(sim);
  running.push(server);
  return { sim, url: server.url, server };
}

const once = (fault: Fault): Partial<CoinbaseSimOptions> => ({ script: (index) => (index === 0 ? fault : undefined) });

describe('over real sockets', () => {
  it('serves the same bytes and headers as in process', async () => {
    const clock = createManualClock({ nowMs: Date.parse('2025-08-22T20:12:00Z') });
    const { sim, url } = await start({ clock });
    const remote = await fetch(`${url}${page}`, agent);
    const local = await get(sim, page);
    expect(await remote.text()).toBe(await local.text());
    for (const [name, value] of local.headers) expect([name, remote.headers.get(name)]).toEqual([name, value]);
    expect((await fetch(`${url}/products/NOPE/trades`, agent)).status).toBe(404);
  });

  it('keeps connections alive', async () => {
    const { url } = await start();
    const keepAlive = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    for (let i = 0; i < 5; i++) {
      await new Promise<void>((resolve, reject) => {
        const sent = request(`${url}/time`, { agent: keepAlive, ...agent }, (response) => {
          ports.add(response.socket.localPort);
          response.resume().once('end', () => resolve());
        });
        sent.once('error', reject).end();
      });
    }
    keepAlive.destroy();
    expect(ports.size).toBe(1);
  });

  it('refuses a request without User-Agent and limits by remote address', async () => {
    const { url, sim } = await start({ rateLimit: { ratePerSecond: 0.001, burst: 2 } });
    const status = (headers: Record<string, string>): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        request(`${url}/time`, { headers }, (response) => resolve(response.resume().statusCode))
          .once('error', reject)
          .end();
      });
    expect(await status({})).toBe(400);
    expect([await status(agent.headers), await status(agent.headers), await status(agent.headers)]).toEqual([
      200, 200, 429,
    ]);
    expect(await status({ ...agent.headers, 'x-forwarded-for': '10.0.0.1' })).toBe(200);
    expect(sim.stats.byStatus).toEqual({ 200: 3, 400: 1, 429: 1 });
  });

  it('goes by the machine’s clock unless it was given one', async () => {
    const { url, sim } = await start();
    const before = Date.now();
    const { epoch } = (await (await fetch(`${url}/time`, agent)).json()) as { epoch: number };
    expect(Math.round(epoch * 1000)).toBeGreaterThanOrEqual(before);
    expect(Math.round(epoch * 1000)).toBeLessThanOrEqual(Date.now());
    expect(sim.clock.now()).toBeGreaterThan(Date.parse('2025-09-01'));
  });
});

describe('faults of the connection', () => {
  it('resets the socket in mid-body, after the headers', async () => {
    const { url } = await start(once({ kind: 'reset' }));
    const outcome = await new Promise<{ status: number | undefined; bytes: number; code: unknown }>((resolve) => {
      request(`${url}${page}`, agent, (response) => {
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
        });
        response.once('error', (error) =>
          resolve({ status: response.statusCode, bytes, code: (error as NodeJS.ErrnoException).code }),
        );
      })
        .once('error', () => undefined)
        .end();
    });
    const whole = await (await fetch(`${url}${page}`, agent)).text();
    expect(outcome).toEqual({ status: 200, bytes: Math.floor(whole.length / 2), code: 'ECONNRESET' });
  });

  it('makes fetch fail as against the real exchange', async () => {
    const read = async (fault: Fault): Promise<string> => {
      const { url } = await start(once(fault));
      return (await fetch(`${url}${page}`, agent)).text();
    };
    await expect(read({ kind: 'reset' })).rejects.toThrow('terminated');
    await expect(read({ kind: 'reset', afterBytes: 0 })).rejects.toThrow('terminated');
    await expect(read({ kind: 'no-reply' })).rejects.toThrow('fetch failed');
    await expect(read({ kind: 'content-length' })).rejects.toThrow('terminated');
    const cut = await read({ kind: 'content-length', by: -64 });
    const whole = await (await fetch(`${(await start()).url}${page}`, agent)).text();
    expect(cut).toBe(whole.slice(0, -64));
    expect(await read({ kind: 'truncated' })).toBe(whole.slice(0, Math.floor(whole.length / 2)));
  });

  it('a stalled body waits on the clock; a client that goes away ends the wait', async () => {
    const clock = createManualClock({ nowMs: 0 });
    const { url } = await start({ clock, ...once({ kind: 'slow', at: 'body' }) });
    const abort = new AbortController();
    const response = await fetch(`${url}${page}`, { ...agent, signal: abort.signal });
    const text = response.text();
    while (clock.sleepers() === 0) await new Promise(setImmediate);
    abort.abort();
    await expect(text).rejects.toMatchObject({ name: 'AbortError' });
    while (clock.sleepers() > 0) await new Promise(setImmediate);
    expect((await fetch(`${url}/time`, agent)).status).toBe(200);
  });
});

it('rejects when the port is taken, and close frees it', async () => {
  const { sim, server } = await start();
  await expect(serve(sim, { port: server.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await running.pop()!.close();
  running.push(await serve(sim, { port: server.port }));
});
