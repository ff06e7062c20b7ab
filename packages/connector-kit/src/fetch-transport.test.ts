import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ExchangeError, type ExchangePolicy } from '@schemahub/core';
import { afterEach, describe, expect, it } from 'vitest';
import { classifyByStatus } from './classify.js';
import type { FetchLike } from './fetch-like.js';
import { createFetchTransport } from './fetch-transport.js';
import { systemClock } from './system-clock.js';
import { createManualClock } from './testing/index.js';

const policy: ExchangePolicy = {
  budgets: {},
  headers: ({ url }) => ({ 'user-agent': 'test', 'x-path': new URL(url).pathname }),
  classify: (reply, call) => classifyByStatus({ exchange: 'venue', reply, call }),
};
const call = { url: 'https://venue.example/trades?after=5', cost: [] };
const json = { 'content-type': 'application/json' };

function transportOver(fetch: FetchLike, extra: { timeoutMs?: number; maxBodyBytes?: number } = {}) {
  const clock = createManualClock();
  return { clock, ...createFetchTransport({ policy, fetch, clock, ...extra }) };
}

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A real server on this machine that counts its connections. */
async function serve(listener: RequestListener): Promise<{ url: string; connections: () => number }> {
  let connections = 0;
  const server = createServer(listener).on('connection', () => {
    connections++;
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/trades`, connections: () => connections };
}

describe('createFetchTransport', () => {
  it('hands on status, lower-case headers, date and the whole body, and sends what the policy says', async () => {
    const seen: unknown[] = [];
    const { send } = transportOver(async (url, init) => {
      seen.push(url, init.headers, init.redirect);
      return new Response('[1]', {
        headers: { ...json, Date: 'Sun, 27 Sep 2026 15:57:30 GMT', 'CB-After': '5', 'Content-Length': '3' },
      });
    });
    const reply = await send(call);
    expect(seen).toEqual([call.url, { 'user-agent': 'test', 'x-path': '/trades' }, 'manual']);
    expect(Buffer.from(reply.body).toString()).toBe('[1]');
    expect(reply).toMatchObject({
      status: 200,
      date: Date.parse('2026-09-27T15:57:30Z'),
      headers: { 'cb-after': '5' },
    });
  });

  it.each(['2', '4', 'many'])('finds that content-length %s is not what came', async (length) => {
    const { send } = transportOver(async () => new Response('[1]', { headers: { ...json, 'content-length': length } }));
    await expect(send(call)).rejects.toMatchObject({ kind: 'transient', transient: 'body', status: 200 });
  });

  it('does not compare the length of a body that was compressed on the way', async () => {
    const { send } = transportOver(
      async () => new Response('[1]', { headers: { ...json, 'content-length': '23', 'content-encoding': 'gzip' } }),
    );
    expect((await send(call)).body).toHaveLength(3);
  });

  it('judges only after the body has come: a reset behind a 429 is a reset', async () => {
    const body = new ReadableStream({
      start: (controller) => controller.error(Object.assign(new Error('reset'), { code: 'ECONNRESET' })),
    });
    const { send } = transportOver(async () => new Response(body, { status: 429, headers: json }));
    await expect(send(call)).rejects.toMatchObject({
      kind: 'transient',
      transient: 'connection',
      message: expect.stringContaining('ECONNRESET'),
    });
  });

  it.each(['ETIMEDOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT'])(
    'knows %s as a time-out',
    async (code) => {
      const { send } = transportOver(() =>
        Promise.reject(new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) })),
      );
      await expect(send(call)).rejects.toMatchObject({ kind: 'transient', transient: 'timeout' });
    },
  );

  it('keeps the cause of a failure, also of a fetch that throws at once', async () => {
    const cause = new TypeError('fetch failed');
    const { send, clock } = transportOver(() => {
      throw cause;
    });
    await expect(send(call)).rejects.toMatchObject({
      name: 'ExchangeError',
      kind: 'transient',
      transient: 'connection',
      cause,
      url: call.url,
    });
    expect(clock.sleepers()).toBe(0);
    const { send: refused } = transportOver(() =>
      Promise.reject(new TypeError('fetch failed', { cause: new Error('bad port') })),
    );
    await expect(refused(call)).rejects.toThrow('no whole answer to venue.example/trades?after=5: bad port.');
  });

  it('stops reading a body that is too large', async () => {
    let pulled = 0;
    const body = new ReadableStream({
      pull: (controller) => {
        pulled++;
        controller.enqueue(new Uint8Array(10));
      },
    });
    const { send } = transportOver(async () => new Response(body, { headers: json }), { maxBodyBytes: 95 });
    await expect(send(call)).rejects.toMatchObject({ kind: 'transient', transient: 'body' });
    expect(pulled).toBeLessThan(14);
  });

  it('gives up at the time-out while the body drips, and tells fetch to stop', async () => {
    let inner: AbortSignal | undefined;
    const { send, clock } = transportOver(
      async (_url, { signal }) => {
        inner = signal;
        return new Response(new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(3)) }), {
          headers: json,
        });
      },
      { timeoutMs: 250 },
    );
    const rejected = expect(send(call)).rejects.toMatchObject({
      kind: 'transient',
      transient: 'timeout',
      message: expect.stringContaining('250 ms'),
    });
    await clock.whenSleeping();
    await clock.advance(250);
    await rejected;
    expect(inner?.aborted).toBe(true);
  });

  it('never wraps an abort, even when fetch answers it with an error of its own', async () => {
    const reason = { stop: true };
    const controller = new AbortController();
    const { send, clock } = transportOver(
      (_url, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
        }),
    );
    const outcome = send(call, { signal: controller.signal }).catch((error: unknown) => error);
    controller.abort(reason);
    expect(await outcome).toBe(reason);
    expect(clock.sleepers()).toBe(0);
  });

  it('leaves no listener on the signal of a long run', async () => {
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(signal, args);
    };
    const { send } = transportOver(async () => new Response('[]', { headers: json }));
    for (let i = 0; i < 5; i++) await send(call, { signal });
    expect(listeners).toBe(0);
  });

  it('opens a connection of its own for a fresh call, and only for that', async () => {
    const { url, connections } = await serve((request, response) => {
      response.writeHead(200, { ...json, 'content-length': '2', 'x-agent': request.headers['user-agent'] ?? '' });
      response.end('[]');
    });
    const { send } = createFetchTransport({ policy });
    await send({ url, cost: [] });
    const before = connections();
    const reply = await send({ url, cost: [] }, { freshConnection: true });
    // One fresh call could meet a pool without an idle connection; six in a row cannot.
    for (let i = 0; i < 5; i++) await send({ url, cost: [] }, { freshConnection: true });
    expect(connections()).toBe(before + 6);
    expect(reply.headers['x-agent']).toBe('test');
    expect(Buffer.from(reply.body).toString()).toBe('[]');
  });

  it.each([false, true])('sees a body that a real server cuts off (fresh connection: %s)', async (freshConnection) => {
    const { url } = await serve((_request, response) => {
      response.writeHead(200, { ...json, 'content-length': '100' });
      response.write('[1,2', () => response.destroy());
    });
    await expect(createFetchTransport({ policy }).send({ url, cost: [] }, { freshConnection })).rejects.toMatchObject({
      kind: 'transient',
      transient: 'connection',
    });
  });

  it.each([false, true])(
    'tells a refused connection and does not follow redirects (fresh connection: %s)',
    async (freshConnection) => {
      const { url } = await serve((_request, response) => {
        response.writeHead(302, { location: 'http://127.0.0.1:1/', 'content-type': 'text/html' });
        response.end();
      });
      const { send } = createFetchTransport({ policy });
      await expect(send({ url, cost: [] }, { freshConnection })).rejects.toMatchObject({
        kind: 'transient',
        status: 302,
      });
      await expect(send({ url: 'http://127.0.0.1:1/', cost: [] }, { freshConnection })).rejects.toBeInstanceOf(
        ExchangeError,
      );
    },
  );

  it.each([
    { timeoutMs: 0 },
    { timeoutMs: Number.NaN },
    { maxBodyBytes: 0.5 },
    { policy: undefined as unknown as ExchangePolicy },
  ])('refuses %o at the door', (wrong) => {
    expect(() => createFetchTransport({ policy, ...wrong })).toThrow(
      expect.objectContaining({ code: 'invalid-option' }),
    );
  });
});

describe('the judge of a call', () => {
  it('reads a good reply inside the attempt, and its error is the attempt’s', async () => {
    const { send } = transportOver(async () => new Response('[1]', { headers: json }));
    const seen: string[] = [];
    const judge = ({ body }: { readonly body: Uint8Array }): void => void seen.push(Buffer.from(body).toString());
    await send({ ...call, judge });
    expect(seen).toEqual(['[1]']);
    const broken = new ExchangeError('a row without an id', { kind: 'transient', transient: 'body' });
    const refuse = (): never => {
      throw broken;
    };
    await expect(send({ ...call, judge: refuse })).rejects.toBe(broken);
  });

  it('is not asked about a reply that is an error already', async () => {
    const { send } = transportOver(async () => new Response('{}', { status: 503, headers: json }));
    let asked = 0;
    const judge = (): void => void asked++;
    await expect(send({ ...call, judge })).rejects.toMatchObject({ transient: 'server' });
    expect(asked).toBe(0);
  });
});

describe('systemClock', () => {
  it('rejects an aborted sleep with the reason itself', async () => {
    const reason = { stop: true };
    const controller = new AbortController();
    const asleep = systemClock.sleep(60_000, controller.signal).catch((error: unknown) => error);
    controller.abort(reason);
    expect(await asleep).toBe(reason);
    await expect(systemClock.sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason);
    await systemClock.sleep(0);
  });
});
