import {
  bodyExcerpt,
  brokenExcerpt,
  classifyByStatus,
  type FailureFacts,
  fail,
  invalidOption,
  isJsonReply,
  jsonOf,
} from '@schemahub/connector-kit';
import type { BudgetSpec, ExchangePolicy, ExchangeReply, Outcome } from '@schemahub/core';
import { BINANCE_BUDGET, binanceDefaults, weights } from './binance-defaults.js';

export interface BinancePolicyOptions {
  /** Weight a minute for one address. Default 6000, as documented; `exchangeInfo` tells the limit of the day. */
  readonly weightPerMinute?: number | undefined;
  /** Instead of a limit: trade pages (25 weight) a second, and at once. */
  readonly rate?: number | undefined;
  readonly burst?: number | undefined;
  /** Default names this project. */
  readonly userAgent?: string | undefined;
}

const SAID_CHARACTERS = 160;
const READ_BYTES = 2000;
/** The share of the limit that may go at once after a pause. */
const BURST_SHARE = 0.05;

/**
 * The budget of a limit that the server counts by clock minutes: pace × 60 s + burst never exceeds it, whenever the
 * minute begins.
 */
export function weightBudget(weightPerMinute: number): BudgetSpec {
  const burst = Math.max(weights.historicalTrades, Math.floor(weightPerMinute * BURST_SHARE));
  return { rate: Math.max(1, weightPerMinute - burst) / 60, burst };
}

type Body =
  | { readonly kind: 'rows' | 'broken' }
  | { readonly kind: 'error'; readonly code: number; readonly msg: string };

/** An error is an object with a code; everything else that is whole JSON is an answer. */
function readBody(reply: ExchangeReply): Body {
  const value = jsonOf(reply);
  if (typeof value !== 'object' || value === null) return { kind: 'broken' };
  const { code, msg } = value as { code?: unknown; msg?: unknown };
  return typeof code === 'number' && typeof msg === 'string' ? { kind: 'error', code, msg } : { kind: 'rows' };
}

const RATE_CODE = -1003;
const PRODUCT_CODES: ReadonlySet<number> = new Set([-1121, -1122]);
const TRANSIENT_CODES: ReadonlySet<number> = new Set([-1000, -1001, -1006, -1007, -1008]);
const TIMEOUT_CODE = -1007;
/** "-1100 Illegal characters found in parameter 'symbol'": the product's name, not our request. */
const SYMBOL_TEXT = /parameter 'symbol'/;
const BANNED_TEXT = /banned until (\d{13})/;

/** A 418 says in words until when; as Retry-After it reaches the limiter. */
function withBan(facts: FailureFacts): FailureFacts {
  const { reply } = facts;
  const until = BANNED_TEXT.exec(facts.said ?? '')?.[1];
  if (until === undefined || reply.headers['retry-after'] !== undefined || reply.date === undefined) return facts;
  const seconds = Math.max(0, Math.ceil((Number(until) - reply.date) / 1000));
  return { ...facts, reply: { ...reply, headers: { ...reply.headers, 'retry-after': `${seconds}` } } };
}

const LOCATION_REMEDY =
  'Binance does not serve this location (US addresses, AWS us-* among them): run from another region, or set BINANCE_API_URL to a base URL that serves you.';
const ADDRESS_REMEDY =
  'The firewall of Binance refuses this address: wait some minutes, ask less often (--rate), or run from another address.';
const MIRROR_REMEDY =
  'This base URL does not serve this path (the mirror data-api.binance.vision has no historicalTrades): set BINANCE_API_URL to https://api.binance.com, or leave it out.';

function classifyError(facts: FailureFacts, code: number, msg: string): Outcome {
  const { status } = facts.reply;
  if (status === 401) return classifyByStatus(facts);
  if (code === RATE_CODE) return fail.rate(withBan(facts));
  if (TRANSIENT_CODES.has(code))
    return fail.transient(facts, code === TIMEOUT_CODE ? 'timeout' : 'server', 'The exchange is failing or busy');
  const isProduct = PRODUCT_CODES.has(code) || (code === -1100 && SYMBOL_TEXT.test(msg));
  if (isProduct && facts.call.subject !== undefined) return fail.product(facts);
  return status === 400 ? fail.request(facts) : classifyByStatus(facts);
}

function classifyReply(from: FailureFacts): Outcome {
  const { reply } = from;
  const { status } = reply;
  const good = status >= 200 && status < 300;
  const body: Body = isJsonReply(reply) ? readBody(reply) : { kind: 'broken' };
  if (good && body.kind === 'rows') return { ok: true };
  const words = body.kind === 'error' ? body.msg : bodyExcerpt(reply.body, READ_BYTES);
  const facts: FailureFacts = { ...from, said: words.slice(0, SAID_CHARACTERS) };
  if (status === 451) return fail.forbidden(facts, LOCATION_REMEDY);
  if (status === 403) return fail.forbidden(facts, ADDRESS_REMEDY);
  if (status === 404) return fail.forbidden(facts, MIRROR_REMEDY);
  if (status === 418 || status === 429) return fail.rate(withBan(facts));
  if (body.kind === 'error') {
    if (good) return fail.transient(facts, 'body', 'An error came with a good status');
    return classifyError(facts, body.code, body.msg);
  }
  if (good && isJsonReply(reply))
    return fail.transient(
      { ...facts, said: brokenExcerpt(reply.body, READ_BYTES).slice(0, SAID_CHARACTERS) },
      'body',
      `Expected a whole JSON array or object, got ${reply.body.length} damaged bytes`,
    );
  return classifyByStatus(facts);
}

/** What a transport must know about Binance: its weights, its headers, and what each reply means. */
export function binancePolicy(options: BinancePolicyOptions = {}): ExchangePolicy {
  const { weightPerMinute = binanceDefaults.weightPerMinute, userAgent = binanceDefaults.userAgent } = options;
  if (!Number.isFinite(weightPerMinute) || weightPerMinute < 60)
    throw invalidOption('weightPerMinute', 'weight a minute ≥ 60', weightPerMinute);
  if (options.rate !== undefined && !(options.rate > 0))
    throw invalidOption('rate', 'pages a second > 0', options.rate);
  if (options.burst !== undefined && !(options.burst >= 1))
    throw invalidOption('burst', 'a number of pages ≥ 1', options.burst);
  if (!/^[\x20-\x7e]+$/.test(userAgent) || userAgent.trim() === '')
    throw invalidOption('userAgent', 'visible ASCII text', userAgent);
  // Microseconds over REST, so that rows agree with the archive, which has them since 2025.
  const headers = { accept: 'application/json', 'user-agent': userAgent, 'x-mbx-time-unit': 'MICROSECOND' };
  const documented = weightBudget(weightPerMinute);
  const tokens = (pages: number | undefined, fallback: number): number =>
    pages === undefined ? fallback : pages * weights.historicalTrades;
  const budget = { rate: tokens(options.rate, documented.rate), burst: tokens(options.burst, documented.burst) };
  return {
    budgets: { [BINANCE_BUDGET]: budget },
    headers: () => headers,
    classify: (reply, call) => classifyReply({ exchange: binanceDefaults.exchange, reply, call }),
  };
}
