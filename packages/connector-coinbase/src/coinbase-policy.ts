import {
  bodyExcerpt,
  brokenExcerpt,
  classifyByStatus,
  type FailureFacts,
  fail,
  invalidOption,
  isJsonReply,
  systemClock,
} from '@schemahub/connector-kit';
import type { Clock, ExchangePolicy, ExchangeReply, Outcome } from '@schemahub/core';
import { coinbaseDefaults } from './coinbase-defaults.js';
import { type CoinbaseAuth, createSigner } from './sign-request.js';

export interface CoinbasePolicyOptions {
  /** Requests a second, shared by all products. Default 10: the server's limit for one address. */
  readonly rate?: number | undefined;
  /** Requests that may go out at once. Default 5; the server allows 15. */
  readonly burst?: number | undefined;
  /** Default names this project; the exchange rejects requests without one. */
  readonly userAgent?: string | undefined;
  /** Signs every request. Default: none. */
  readonly auth?: CoinbaseAuth | undefined;
  /** For the signature's timestamp. Default: this computer's clock. */
  readonly clock?: Clock | undefined;
}

/** Name of the one budget: every call costs one token of it. */
export const COINBASE_BUDGET = 'requests';

/** Of a body, this much is read for a message, and this much of it shown. */
const READ_BYTES = 2000;
const SAID_CHARACTERS = 160;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Texts that mean the same at every status (EXCHANGES §1.8; recorded: 503 with "under maintenance" in JSON). */
const RATE_TEXT = /rate limit exceeded|too many requests/i;
const MAINTENANCE_TEXT = /maintenance/i;
/** Recorded: 400 "Invalid API Key". */
const CREDENTIALS_TEXT = /invalid (?:api key|signature|passphrase|timestamp)|cb-access-|request timestamp expired/i;
/** A cursor or limit of ours that the exchange does not take: a bug here, not the product's fault. */
const PARAMETER_TEXT = /pagination|parameter|invalid value|limit/i;

type Body = { readonly kind: 'rows' | 'object' | 'broken' } | { readonly kind: 'message'; readonly message: string };

/**
 * What the body is. Parsed whole, so that a damaged page counts as a failure of the exchange here, where the breaker
 * sees it. 0.25 ms a page of 1000 rows.
 */
function readBody(reply: ExchangeReply): Body {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(reply.body));
  } catch {
    return { kind: 'broken' };
  }
  if (Array.isArray(value)) return { kind: 'rows' };
  if (typeof value !== 'object' || value === null) return { kind: 'broken' };
  const { message, id } = value as { message?: unknown; id?: unknown };
  // A product has an id; an error has a message and nothing else.
  return typeof message === 'string' && id === undefined ? { kind: 'message', message } : { kind: 'object' };
}

function refusedCredentials(facts: FailureFacts): Outcome {
  return fail.forbidden(
    facts,
    'Coinbase refuses the API key: correct COINBASE_API_KEY, _SECRET and _PASSPHRASE, or remove all three (public trades need none).',
  );
}

/** An error object, by its words and then by its status. */
function classifyMessage(facts: FailureFacts, message: string): Outcome {
  const { status } = facts.reply;
  const good = status >= 200 && status < 300;
  if (RATE_TEXT.test(message)) return fail.rate(facts);
  if (MAINTENANCE_TEXT.test(message)) return fail.transient(facts, 'server', 'The exchange is under maintenance');
  if (status !== 400 && !good) return classifyByStatus(facts);
  if (CREDENTIALS_TEXT.test(message)) return refusedCredentials(facts);
  if (good) {
    const unknown = /^not\s?found$/i.test(message) && facts.call.subject !== undefined;
    return unknown ? fail.product(facts) : fail.transient(facts, 'body', 'An error came with a good status');
  }
  // SPEC §5: a 400 for a product sets that product aside ("product_id is not a valid product").
  return facts.call.subject === undefined || PARAMETER_TEXT.test(message) ? fail.request(facts) : fail.product(facts);
}

function classifyReply(from: Omit<FailureFacts, 'said'>, redact: (text: string) => string): Outcome {
  const { reply } = from;
  const json = isJsonReply(reply);
  const body: Body = json ? readBody(reply) : { kind: 'broken' };
  const good = reply.status >= 200 && reply.status < 300;
  if (json && good && (body.kind === 'rows' || body.kind === 'object')) return { ok: true };
  const say = (words: string): FailureFacts => ({ ...from, said: redact(words).slice(0, SAID_CHARACTERS) });
  if (body.kind === 'message') return classifyMessage(say(body.message), body.message);
  const facts = say(bodyExcerpt(reply.body, READ_BYTES));
  if (json && good) {
    return fail.transient(
      say(brokenExcerpt(reply.body, READ_BYTES)),
      'body',
      `Expected a whole JSON array or object, got ${reply.body.length} damaged bytes`,
    );
  }
  return classifyByStatus(facts);
}

/** A server's words may quote what we sent: no secret gets into an error, not even into its stack. */
function redactor(auth: CoinbaseAuth | undefined): (text: string) => string {
  if (auth === undefined) return (text) => text;
  const secrets = [auth.key, auth.secret, auth.passphrase];
  return (text) => secrets.reduce((clean, secret) => clean.replaceAll(secret, '(redacted)'), text);
}

function checkOptions(options: { rate: number; burst: number; userAgent: string }): void {
  const { rate, burst, userAgent } = options;
  if (!Number.isFinite(rate) || rate <= 0) throw invalidOption('rate', 'requests a second > 0', rate);
  if (!Number.isFinite(burst) || burst < 1) throw invalidOption('burst', 'a number of requests ≥ 1', burst);
  if (!/^[\x20-\x7e]+$/.test(userAgent) || userAgent.trim() === '') {
    throw invalidOption('userAgent', 'visible ASCII text (Coinbase rejects requests without one)', userAgent);
  }
}

/** What a transport must know about Coinbase Exchange: its budget, its headers, and what each reply means. */
export function coinbasePolicy(options: CoinbasePolicyOptions = {}): ExchangePolicy {
  const {
    rate = coinbaseDefaults.rate,
    burst = coinbaseDefaults.burst,
    userAgent = coinbaseDefaults.userAgent,
  } = options;
  checkOptions({ rate, burst, userAgent });
  const clock = options.clock ?? systemClock;
  const sign = options.auth === undefined ? undefined : createSigner(options.auth);
  const redact = redactor(options.auth);
  const plain = { accept: 'application/json', 'user-agent': userAgent };
  return {
    budgets: { [COINBASE_BUDGET]: { rate, burst } },
    headers: (call) => (sign === undefined ? plain : { ...plain, ...sign(call.url, clock.now()) }),
    classify: (reply, call) => classifyReply({ exchange: coinbaseDefaults.exchange, reply, call }, redact),
  };
}
