import type { ExchangeReply } from '@schemahub/core';

const MINUTE_MS = 60_000;
/** Used beyond this share, what is still in flight may reach the limit. Our own pace alone stays at 0.95 of it. */
const EXHAUSTED_SHARE = 0.975;

/**
 * How long nothing should be sent, because the address has used up its weight of this clock minute [other programs
 * behind the same address]; undefined while there is room. Every reply tells it in `x-mbx-used-weight-1m`.
 */
export function restAfter(reply: ExchangeReply, weightPerMinute: number, nowMs: number): number | undefined {
  const text = reply.headers['x-mbx-used-weight-1m'];
  const used = text === undefined || !/^\d{1,9}$/.test(text) ? 0 : Number(text);
  if (used <= weightPerMinute * EXHAUSTED_SHARE) return undefined;
  const now = reply.date ?? nowMs;
  // The Date header has whole seconds: one more is waited, so that the minute is over by any clock.
  return MINUTE_MS - (now % MINUTE_MS) + 1000;
}
