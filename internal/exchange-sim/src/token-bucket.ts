import { refuse } from './errors.js';

export interface TokenBucketOptions {
  /** Tokens that come back each second. */
  readonly ratePerSecond: number;
  /** Tokens a full bucket holds; it starts full. */
  readonly burst: number;
}

/** Takes one token of this remote's bucket; false when there is none. */
export type TakeToken = (remote: string, nowMs: number) => boolean;

const rememberedRemotes = 1000;

/** A lazily filled token bucket per remote address, as Coinbase documents its own. The 1000 latest remotes are remembered. */
export function createTokenBuckets(options: TokenBucketOptions): TakeToken {
  const { ratePerSecond, burst } = options;
  if (!(ratePerSecond > 0) || !(burst >= 1)) {
    refuse('rateLimit', 'ratePerSecond above 0 and burst of at least 1', options, 'Use rateLimit: false for no limit.');
  }
  const buckets = new Map<string, { tokens: number; atMs: number }>();
  return (remote, nowMs) => {
    const bucket = buckets.get(remote) ?? { tokens: burst, atMs: nowMs };
    buckets.delete(remote);
    buckets.set(remote, bucket);
    if (buckets.size > rememberedRemotes) buckets.delete(buckets.keys().next().value!);
    const elapsedMs = Math.max(0, nowMs - bucket.atMs);
    bucket.tokens = Math.min(burst, bucket.tokens + (elapsedMs * ratePerSecond) / 1000);
    bucket.atMs = Math.max(bucket.atMs, nowMs);
    // The sum of many small fills may fall short of a whole token by rounding.
    if (bucket.tokens < 1 - 1e-9) return false;
    bucket.tokens = Math.max(0, bucket.tokens - 1);
    return true;
  };
}
