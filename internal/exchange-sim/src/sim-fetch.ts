import type { SimClock } from './clock.js';
import type { Delivery, SimRequest } from './reply.js';

/** The part of the global fetch that clients of exchanges use. */
export type SimFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

type Handle = (request: SimRequest, signal?: AbortSignal) => Promise<Delivery>;

function brokenConnection(message: string): TypeError {
  // The shape undici gives: a TypeError whose cause carries the socket's code.
  const cause = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', errno: -104, syscall: 'read' });
  return new TypeError(message, { cause });
}

/** The body as a stream that stalls and breaks as the delivery says. */
function streamOf(delivery: Delivery, clock: SimClock, signal: AbortSignal | undefined): ReadableStream<Uint8Array> {
  const half = Math.floor(delivery.sentBytes / 2);
  let sent = 0;
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        try {
          signal?.throwIfAborted();
          if (sent === 0 && half > 0) {
            controller.enqueue(delivery.body.slice(0, half));
            sent = half;
            return;
          }
          if (delivery.stallMs > 0) await clock.sleep(delivery.stallMs, signal);
          if (sent < delivery.sentBytes) controller.enqueue(delivery.body.slice(sent, delivery.sentBytes));
          if (delivery.ending === 'reset') controller.error(brokenConnection('terminated'));
          else controller.close();
        } catch (error) {
          controller.error(error);
        }
      },
    },
    { highWaterMark: 0 },
  );
}

function responseOf(
  delivery: Delivery,
  request: SimRequest,
  clock: SimClock,
  signal: AbortSignal | undefined,
): Response {
  const plain = delivery.ending === 'complete' && delivery.stallMs === 0;
  const declared = Number(delivery.headers['content-length']);
  // A client reads as many bytes as content-length promises, no matter how many come.
  const bytes = delivery.body.subarray(0, Math.min(delivery.sentBytes, declared));
  const hasBody = request.method !== 'HEAD';
  const body = hasBody ? (plain ? (bytes as Uint8Array<ArrayBuffer>) : streamOf(delivery, clock, signal)) : null;
  const response = new Response(body, { status: delivery.status, headers: delivery.headers });
  Object.defineProperty(response, 'url', { value: request.url.href });
  return response;
}

function readHeaders(input: string | URL | Request, init: RequestInit | undefined): Record<string, string> {
  const headers = new Headers(input instanceof Request ? input.headers : undefined);
  new Headers(init?.headers).forEach((value, name) => {
    headers.set(name, value);
  });
  return Object.fromEntries(headers);
}

/**
 * A fetch that never leaves the process. A reset is a body stream that errors; a time-out is a wait on the clock that
 * honours the AbortSignal. Unlike the global fetch it adds no User-Agent by itself, and takes the remote address from
 * `x-forwarded-for` (default `in-process`), so that several clients can be told apart.
 */
export function fetchThrough(handle: Handle, clock: SimClock): SimFetch {
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const method = init?.method ?? (input instanceof Request ? input.method : 'GET');
    const signal = init?.signal ?? (input instanceof Request ? input.signal : undefined);
    const headers = readHeaders(input, init);
    const request: SimRequest = { method, url, headers, remote: headers['x-forwarded-for'] ?? 'in-process' };
    const delivery = await handle(request, signal);
    signal?.throwIfAborted();
    if (delivery.ending === 'no-reply') throw brokenConnection('fetch failed');
    return responseOf(delivery, request, clock, signal);
  };
}
