import type { ExchangePolicy } from '@schemahub/core';
import { describe, expect, it } from 'vitest';
import { classifyByStatus } from './classify.js';
import { createFetchTransport } from './fetch-transport.js';
import { createManualClock } from './testing/index.js';

const policy: ExchangePolicy = {
  budgets: {},
  headers: () => ({}),
  classify: (reply, call) =>
    reply.status === 200 ? { ok: true } : classifyByStatus({ exchange: 'venue', reply, call }),
};
const call = { url: 'https://venue.example/file.zip', cost: [] };

function transportOver(response: () => Response, maxBodyBytes = 1000) {
  const clock = createManualClock();
  return {
    clock,
    ...createFetchTransport({ policy, fetch: async () => response(), clock, timeoutMs: 1000, maxBodyBytes }),
  };
}

/** A body whose pieces come when they are told to. */
function heldBody(): { body: ReadableStream<Uint8Array>; give: (text: string) => void; end: () => void } {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({
    start: (given) => {
      controller = given;
    },
  });
  return { body, give: (text) => controller.enqueue(Buffer.from(text)), end: () => controller.close() };
}

describe('a download', () => {
  it('goes piece by piece to the sink, however long it is, and the reply has no body', async () => {
    const { send } = transportOver(() => new Response('x'.repeat(5000), { headers: { 'content-length': '5000' } }), 10);
    let bytes = 0;
    const sink = async (chunk: Uint8Array): Promise<void> => {
      bytes += chunk.length;
    };
    expect((await send(call, { sink })).body).toHaveLength(0);
    expect(bytes).toBe(5000);
  });

  it('keeps error pages out of the sink', async () => {
    const { send } = transportOver(() => new Response('<html>', { status: 503 }));
    const sink = (): Promise<void> => Promise.reject(new Error('not for me'));
    await expect(send(call, { sink })).rejects.toMatchObject({ kind: 'transient', status: 503 });
  });

  it('that ends before its length is a failure of the exchange', async () => {
    const { send } = transportOver(() => new Response('12', { headers: { 'content-length': '3' } }));
    await expect(send(call, { sink: async () => {} })).rejects.toMatchObject({ transient: 'body' });
  });

  it('whose sink fails ends with the sink’s own error: a full disk is not the exchange’s', async () => {
    const { send } = transportOver(() => new Response('12'));
    const full = new Error('ENOSPC');
    await expect(send(call, { sink: () => Promise.reject(full) })).rejects.toBe(full);
  });

  it('may take any time while something comes, and times out in a silence', async () => {
    const { body, give } = heldBody();
    const { send, clock } = transportOver(() => new Response(body));
    let pieces = 0;
    let taken: () => void = () => {};
    const sink = async (): Promise<void> => {
      pieces++;
      taken();
    };
    const ended = send(call, { sink }).catch((error: unknown) => error);
    for (let n = 0; n < 5; n++) {
      const came = new Promise<void>((resolve) => {
        taken = resolve;
      });
      give('piece');
      await came;
      await clock.advance(1000);
      await clock.whenSleeping();
    }
    expect(pieces).toBe(5);
    await clock.advance(1000);
    if (clock.sleepers() > 0) await clock.advance(1000);
    expect(await ended).toMatchObject({ kind: 'transient', transient: 'timeout' });
  });
});
