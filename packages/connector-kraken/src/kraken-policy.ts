import {
  bodyExcerpt,
  classifyByStatus,
  type FailureFacts,
  fail,
  invalidOption,
  isJsonReply,
  jsonOf,
} from '@schemahub/connector-kit';
import type { ExchangePolicy, ExchangeReply, Outcome } from '@schemahub/core';
import { KRAKEN_PAIR_BUDGET, KRAKEN_PUBLIC_BUDGET, krakenDefaults } from './kraken-defaults.js';

export interface KrakenPolicyOptions {
  /** Pages a second and pair. Default 1. */
  readonly rate?: number | undefined;
  /** Pages of a pair that may go out at once. Default 1. */
  readonly burst?: number | undefined;
  /** Default names this project. */
  readonly userAgent?: string | undefined;
}

const SAID_CHARACTERS = 160;
const READ_BYTES = 2000;

/** Kraken says what is wrong in words, with status 200 (EXCHANGES §3.5). */
const RATE = /^E(?:API:Rate limit exceeded|General:Too many requests|Service:Throttled)/;
const LOCKOUT = /^EGeneral:Temporary lockout/;
const PAIR = /^EQuery:(?:Unknown asset pair|Invalid asset pair|Unknown asset)/;
const REQUEST = /^E(?:General:(?:Invalid arguments|Unknown method)|API:Bad request)/;
const DENIED = /^E(?:API:Invalid key|General:Permission denied)/;
/** Trading alone is limited: data are served all the same, so the reply has a result. */
const MARKET_MODE = /^EService:Market in /;
/** Seconds to wait where the venue names none: asking on prolongs the restriction. */
const RATE_WAIT = '5';
const LOCKOUT_WAIT = '120';

interface Envelope {
  /** Texts that mean failure; warnings begin with W. */
  readonly errors: readonly string[];
  readonly hasResult: boolean;
}

function readEnvelope(reply: ExchangeReply): Envelope | undefined {
  const value = jsonOf(reply);
  if (typeof value !== 'object' || value === null) return undefined;
  const { error, result } = value as { error?: unknown; result?: unknown };
  if (!Array.isArray(error)) return undefined;
  const texts = error.map(String);
  const hasResult = typeof result === 'object' && result !== null;
  return { errors: texts.filter((text) => text.startsWith('E')), hasResult };
}

function waiting(facts: FailureFacts, seconds: string): FailureFacts {
  const { reply } = facts;
  return { ...facts, reply: { ...reply, headers: { 'retry-after': seconds, ...reply.headers } } };
}

function classifyError(facts: FailureFacts, text: string): Outcome {
  if (RATE.test(text)) return fail.rate(waiting(facts, RATE_WAIT));
  if (LOCKOUT.test(text)) return fail.rate(waiting(facts, LOCKOUT_WAIT));
  if (PAIR.test(text)) return facts.call.subject === undefined ? fail.request(facts) : fail.product(facts);
  if (REQUEST.test(text)) return fail.request(facts);
  if (DENIED.test(text))
    return fail.forbidden(facts, 'Kraken refuses the credentials: remove them (public trades need none).');
  return fail.transient(facts, 'server', 'The exchange is failing or busy');
}

function classifyReply(from: FailureFacts): Outcome {
  const { reply } = from;
  const envelope = isJsonReply(reply) ? readEnvelope(reply) : undefined;
  const good = reply.status >= 200 && reply.status < 300;
  const [error] = (envelope?.errors ?? []).filter((text) => !(envelope?.hasResult === true && MARKET_MODE.test(text)));
  const words = error ?? bodyExcerpt(reply.body, READ_BYTES);
  const facts: FailureFacts = { ...from, said: words.slice(0, SAID_CHARACTERS) };
  if (reply.status === 429) return fail.rate(waiting(facts, RATE_WAIT));
  if (!good || !isJsonReply(reply)) return classifyByStatus(facts);
  if (error !== undefined) return classifyError(facts, error);
  return envelope?.hasResult === true
    ? { ok: true }
    : fail.transient(facts, 'body', `Expected {"error":[],"result":{…}}, got ${reply.body.length} other bytes`);
}

/** What a transport must know about Kraken: a budget for each pair, and what each reply means. */
export function krakenPolicy(options: KrakenPolicyOptions = {}): ExchangePolicy {
  const { rate = krakenDefaults.rate, burst = krakenDefaults.burst, userAgent = krakenDefaults.userAgent } = options;
  if (!Number.isFinite(rate) || rate <= 0) throw invalidOption('rate', 'pages a second > 0', rate);
  if (!Number.isFinite(burst) || burst < 1) throw invalidOption('burst', 'a number of pages ≥ 1', burst);
  if (!/^[\x20-\x7e]+$/.test(userAgent) || userAgent.trim() === '')
    throw invalidOption('userAgent', 'visible ASCII text', userAgent);
  const headers = { accept: 'application/json', 'user-agent': userAgent };
  return {
    budgets: { [KRAKEN_PAIR_BUDGET]: { rate, burst }, [KRAKEN_PUBLIC_BUDGET]: { rate: 1, burst: 1 } },
    headers: () => headers,
    classify: (reply, call) => classifyReply({ exchange: krakenDefaults.exchange, reply, call }),
  };
}
