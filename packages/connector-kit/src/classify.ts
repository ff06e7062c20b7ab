import {
  type ExchangeCall,
  ExchangeError,
  type ExchangeReply,
  type Outcome,
  type TransientCause,
} from '@schemahub/core';

const OK: Outcome = { ok: true };

/** Whether the reply says that its body is JSON. Asked before any body is parsed: an edge answers in HTML. */
export function isJsonReply(reply: ExchangeReply): boolean {
  return /^application\/(?:[\w.-]+\+)?json\b/i.test(reply.headers['content-type']?.trim() ?? '');
}

/**
 * `Retry-After` in ms: seconds, or a date measured against the reply's own `Date` (our clock may be wrong).
 * Undefined when absent or unreadable.
 */
export function parseRetryAfter(reply: ExchangeReply): number | undefined {
  const text = reply.headers['retry-after']?.trim();
  if (text === undefined || text === '') return undefined;
  if (/^\d+(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000);
  // HTTP dates begin with the day's name; Date.parse alone would take "-3" for a month.
  const until = /^[A-Za-z]{3}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(until) || reply.date === undefined) return undefined;
  return Math.max(0, until - reply.date);
}

/** The start of a body as one readable line, for messages. */
export function bodyExcerpt(body: Uint8Array, maxBytes = 160): string {
  const text = Buffer.from(body.subarray(0, maxBytes)).toString('utf8');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not reach a log line.
  return text.replace(/[\u0000-\u001f\u007f\s]+/g, ' ').trim();
}

/** The same where JSON was due: rows that begin as they should say nothing about where they break. */
export function brokenExcerpt(body: Uint8Array, maxBytes = 160): string {
  const text = bodyExcerpt(body, maxBytes);
  return /^(?:\[ ?\{|\{ ?")/.test(text) ? '' : text;
}

/** Path and query of a call, for messages: the base is known and a path says what was asked. */
export function callPath(call: ExchangeCall): string {
  const url = new URL(call.url);
  return url.pathname + url.search;
}

export interface FailureFacts {
  /** Lower case: `coinbase`. */
  readonly exchange: string;
  readonly reply: ExchangeReply;
  readonly call: ExchangeCall;
  /** The venue's own words; default: the start of the body. */
  readonly said?: string | undefined;
}

function failure(
  facts: FailureFacts,
  kind: ExchangeError['kind'],
  advice: string,
  transient?: TransientCause,
): Outcome {
  const { exchange, reply, call } = facts;
  const said = facts.said ?? bodyExcerpt(reply.body);
  const error = new ExchangeError(
    `${exchange} answered ${reply.status}${said === '' ? '' : ` "${said}"`} to ${callPath(call)}. ${advice}`,
    {
      kind,
      transient,
      status: reply.status,
      retryAfterMs: kind === 'rate' || kind === 'transient' ? parseRetryAfter(reply) : undefined,
      url: call.url,
    },
  );
  return { ok: false, error };
}

/** The five ways to fail, with the words that a user reads. */
export const fail: {
  readonly rate: (facts: FailureFacts) => Outcome;
  readonly transient: (facts: FailureFacts, transient: TransientCause, what: string) => Outcome;
  readonly product: (facts: FailureFacts) => Outcome;
  readonly forbidden: (facts: FailureFacts, remedy: string) => Outcome;
  readonly request: (facts: FailureFacts) => Outcome;
} = {
  rate: (facts) => failure(facts, 'rate', 'Too many requests: slow down and ask again (lower --rate if this goes on).'),
  transient: (facts, transient, what) => failure(facts, 'transient', `${what}: ask again later.`, transient),
  product: (facts) =>
    failure(
      facts,
      'product',
      `The venue does not serve ${facts.call.subject ?? 'this product'}: check its id against the catalogue (update-seed).`,
    ),
  forbidden: (facts, remedy) => failure(facts, 'forbidden', remedy),
  request: (facts) =>
    failure(facts, 'request', 'The venue refuses this request as wrong; repeating it cannot help. Please report it.'),
};

/**
 * What a reply is by its status and content type alone: the part that venues share (SPEC §5, EXCHANGES §4).
 * 2xx needs JSON. A 403 or 404 that is no JSON comes from the edge, not from the exchange, and is transient.
 */
export function classifyByStatus(facts: FailureFacts): Outcome {
  const { reply, call } = facts;
  const { status } = reply;
  const json = isJsonReply(reply);
  if (status >= 200 && status < 300) {
    return json
      ? OK
      : fail.transient(facts, 'body', `Expected JSON, got ${reply.headers['content-type'] ?? 'no content type'}`);
  }
  if (status === 429) return fail.rate(facts);
  if (status === 408) return fail.transient(facts, 'timeout', 'The exchange timed out');
  if (status >= 500) return fail.transient(facts, 'server', 'The exchange or its edge is failing');
  if (status === 451) {
    return fail.forbidden(
      facts,
      'The exchange does not serve this location: run from another region, or set another base URL.',
    );
  }
  if (status === 401) {
    return fail.forbidden(
      facts,
      'The exchange refuses the credentials: correct them, or remove them (public trades need none).',
    );
  }
  if (status === 403 && json) {
    return fail.forbidden(
      facts,
      'The exchange refuses access: check User-Agent, credentials and whether this address is blocked.',
    );
  }
  if (!json || (status >= 300 && status < 400) || status === 425) {
    return fail.transient(
      facts,
      'server',
      'This comes from the edge in front of the exchange (or the base URL is wrong)',
    );
  }
  if ((status === 404 || status === 410) && call.subject !== undefined) return fail.product(facts);
  return fail.request(facts);
}
