import {
  type Clock,
  type ExchangeCall,
  ExchangeError,
  type ExchangePolicy,
  type ExchangeReply,
  type SendOptions,
  type Transport,
} from '@schemahub/core';
import { invalidOption } from './errors.js';
import type { FetchLike } from './fetch-like.js';
import { fetchOnFreshConnection } from './fresh-connection.js';
import { systemClock } from './system-clock.js';

export interface FetchTransportOptions {
  /** Headers and classification of the venue. Its budgets are not kept here: wrap a limiter around this transport. */
  readonly policy: Pick<ExchangePolicy, 'classify' | 'headers'>;
  /** Default: global fetch. */
  readonly fetch?: FetchLike | undefined;
  /**
   * Used for calls with `freshConnection`. Default: the given `fetch`, or, when none is given, node:http(s) with a
   * connection of its own (`fetchOnFreshConnection`), because global fetch always re-uses its pool.
   */
  readonly freshFetch?: FetchLike | undefined;
  /** Default: this computer's clock. */
  readonly clock?: Clock | undefined;
  /** One attempt, from the request to the last byte of the body, ms. Default 15000. */
  readonly timeoutMs?: number | undefined;
  /** Greatest body, bytes: more is cut off and is a transient error. Default 64 MiB. */
  readonly maxBodyBytes?: number | undefined;
}

interface Settings {
  readonly policy: FetchTransportOptions['policy'];
  readonly fetch: FetchLike;
  readonly freshFetch: FetchLike;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
}

const DEFAULT_TIMEOUT_MS = 15_000;
const DEFAULT_MAX_BODY_BYTES = 64 * 1024 * 1024;
/** What undici and the operating system call a time-out. */
const TIMEOUT_CODES: ReadonlySet<string> = new Set([
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);

function settingsOf(options: FetchTransportOptions): Settings {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, maxBodyBytes = DEFAULT_MAX_BODY_BYTES } = options;
  if (typeof options.policy?.classify !== 'function' || typeof options.policy.headers !== 'function') {
    throw invalidOption('policy', 'an exchange policy such as coinbasePolicy()', options.policy);
  }
  if (!Number.isFinite(timeoutMs) || timeoutMs <= 0) throw invalidOption('timeoutMs', 'a number > 0', timeoutMs);
  if (!Number.isSafeInteger(maxBodyBytes) || maxBodyBytes < 1)
    throw invalidOption('maxBodyBytes', 'a whole number ≥ 1', maxBodyBytes);
  return {
    policy: options.policy,
    // Global fetch is looked up at each call, so that a test's interception of it is met.
    fetch: options.fetch ?? ((url, init) => globalThis.fetch(url, init)),
    freshFetch: options.freshFetch ?? options.fetch ?? fetchOnFreshConnection,
    clock: options.clock ?? systemClock,
    timeoutMs,
    maxBodyBytes,
  };
}

/** What lies below a `TypeError: fetch failed`: the first error code, and the innermost words. */
function reasonOf(cause: unknown): { readonly code: string | undefined; readonly words: string } {
  let code: string | undefined;
  let words = String(cause);
  for (let error = cause; error instanceof Error; error = error.cause) {
    const own = (error as { code?: unknown }).code;
    if (typeof own === 'string') code ??= own;
    if (error.message !== '') words = error.message;
  }
  return { code, words };
}

/** Host and path: what a user must look at when nothing comes. */
function placeOf(call: ExchangeCall): string {
  const url = new URL(call.url);
  return url.host + url.pathname + url.search;
}

function connectionError(call: ExchangeCall, cause: unknown): ExchangeError {
  const { code, words } = reasonOf(cause);
  const timedOut = code !== undefined && TIMEOUT_CODES.has(code);
  return new ExchangeError(
    `no whole answer to ${placeOf(call)}: ${code ?? words}. Check the network; the call may be repeated.`,
    {
      kind: 'transient',
      transient: timedOut ? 'timeout' : 'connection',
      url: call.url,
      cause,
    },
  );
}

/** What a caller's sink threw: its own matter, not the exchange's. */
class SinkFailure extends Error {}

/** Hands the body over as it comes; `alive` is told of each piece. Returns its length. */
async function drainBody(
  response: Response,
  sink: (chunk: Uint8Array) => Promise<void>,
  alive: () => void,
): Promise<number> {
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    alive();
    await sink(chunk).catch((cause: unknown) => {
      throw new SinkFailure('sink', { cause });
    });
    alive();
  }
  return bytes;
}

async function readBody(response: Response, call: ExchangeCall, maxBodyBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  if (response.body !== null) {
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > maxBodyBytes) throw bodyError(call, response, `expected at most ${maxBodyBytes} bytes, got more`);
    }
  }
  const body = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

function bodyError(call: ExchangeCall, response: Response, what: string): ExchangeError {
  return new ExchangeError(`body of the answer to ${placeOf(call)}: ${what}. The call may be repeated.`, {
    kind: 'transient',
    transient: 'body',
    status: response.status,
    url: call.url,
  });
}

interface Receiving {
  readonly maxBodyBytes: number;
  readonly sink: SendOptions['sink'];
  /** Something came: the time-out begins anew. */
  readonly alive: () => void;
}

async function readReply(response: Response, call: ExchangeCall, receiving: Receiving): Promise<ExchangeReply> {
  const { maxBodyBytes, sink, alive } = receiving;
  const isSunk = sink !== undefined && response.status === 200;
  const drained = isSunk ? await drainBody(response, sink, alive) : undefined;
  const body = isSunk ? new Uint8Array() : await readBody(response, call, maxBodyBytes);
  const received = drained ?? body.length;
  const headers: Record<string, string> = {};
  response.headers.forEach((value, name) => {
    headers[name.toLowerCase()] = value;
  });
  // The length counts the bytes on the wire: it says nothing about a body that was decompressed on the way.
  const length = headers['content-length'];
  const encoded = (headers['content-encoding'] ?? 'identity') !== 'identity';
  if (length !== undefined && !encoded && Number(length) !== received) {
    throw bodyError(call, response, `content-length says ${length} bytes, ${received} came`);
  }
  const date = headers.date === undefined ? Number.NaN : Date.parse(headers.date);
  return { status: response.status, headers, body, date: Number.isNaN(date) ? undefined : date };
}

/** Rejects with the signal's reason once it aborts; never resolves. `stop` takes the listener away. */
function rejectOnAbort(signal: AbortSignal | undefined): {
  readonly aborted: Promise<never>;
  readonly stop: () => void;
} {
  let listener: () => void = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    listener = () => reject(signal?.reason);
  });
  signal?.addEventListener('abort', listener, { once: true });
  return { aborted, stop: () => signal?.removeEventListener('abort', listener) };
}

function timeoutError(call: ExchangeCall, timeoutMs: number): ExchangeError {
  return new ExchangeError(
    `no whole answer to ${placeOf(call)} within ${timeoutMs} ms. The call may be repeated; raise --timeout on a slow line.`,
    { kind: 'transient', transient: 'timeout', url: call.url },
  );
}

/** Settles with the reply, or rejects at the time-out or at the caller's abort, even if fetch ignores its signal. */
async function attempt(settings: Settings, call: ExchangeCall, options: SendOptions): Promise<ExchangeReply> {
  const { clock, policy, timeoutMs, maxBodyBytes } = settings;
  const { signal } = options;
  signal?.throwIfAborted();
  const fetch = options.freshConnection === true ? settings.freshFetch : settings.fetch;
  const headers = { ...policy.headers(call) };
  const request = new AbortController();
  const timer = new AbortController();
  const { aborted, stop } = rejectOnAbort(signal);
  let pieces = 0;
  const alive = (): void => {
    pieces++;
  };
  const work = (async () => {
    const response = await fetch(call.url, { headers, signal: request.signal, redirect: 'manual' });
    return readReply(response, call, { maxBodyBytes, sink: options.sink, alive });
  })();
  const timeout = (async (): Promise<never> => {
    // Only what a sink takes is counted: every other body must be there whole by then.
    for (let seen = -1; seen !== pieces; ) {
      seen = pieces;
      await clock.sleep(timeoutMs, timer.signal);
    }
    throw timeoutError(call, timeoutMs);
  })();
  // Two of the three lose the race; their rejections are nobody's news.
  for (const loser of [work, timeout, aborted]) loser.catch(() => {});
  try {
    return await Promise.race([work, timeout, aborted]);
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    if (cause instanceof SinkFailure) throw cause.cause;
    if (cause instanceof ExchangeError) throw cause;
    throw connectionError(call, cause);
  } finally {
    stop();
    timer.abort();
    request.abort();
  }
}

/**
 * The plain transport: one attempt is fetch, the whole body, then the venue's judgement. It never retries, keeps no
 * budget and knows no breaker; those wrap around it. An abort rejects with the signal's own reason, whatever fetch does
 * with it; everything else that fails is an `ExchangeError`.
 */
export function createFetchTransport(options: FetchTransportOptions): Transport {
  const settings = settingsOf(options);
  return {
    send: async (call, sendOptions = {}) => {
      const reply = await attempt(settings, call, sendOptions);
      const outcome = settings.policy.classify(reply, call);
      if (!outcome.ok) throw outcome.error;
      call.judge?.(reply);
      return reply;
    },
  };
}
