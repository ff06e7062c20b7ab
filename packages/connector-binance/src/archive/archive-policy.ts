import { classifyByStatus, type FailureFacts, fail } from '@schemahub/connector-kit';
import type { ExchangePolicy, ExchangeReply, Outcome } from '@schemahub/core';
import { binanceDefaults } from '../binance-defaults.js';

/** Name of the archive's one budget. */
export const ARCHIVE_BUDGET = 'files';

export interface BinanceArchivePolicyOptions {
  /** Files a second, checksums too. Default 4 with a burst of 4; no limit is documented. */
  readonly rate?: number | undefined;
  readonly userAgent?: string | undefined;
}

function judge(facts: FailureFacts): Outcome {
  const { status } = facts.reply;
  if (status === 200) return { ok: true };
  // The bucket says 404 for what is absent and 403 for what it does not show: there is no such file.
  if (status === 404) return fail.product(facts);
  if (status === 403 || status === 451)
    return fail.forbidden(
      facts,
      'The archive does not serve this address: go on over the API (--archive never), or set BINANCE_ARCHIVE_URL to a mirror.',
    );
  if (status === 429) return fail.rate(facts);
  if (status >= 500) return fail.transient(facts, 'server', 'The archive is failing');
  return classifyByStatus(facts);
}

/** What a transport must know about data.binance.vision: a file host, apart from the API and its weight. */
export function binanceArchivePolicy(options: BinanceArchivePolicyOptions = {}): ExchangePolicy {
  const { rate = 4, userAgent = binanceDefaults.userAgent } = options;
  return {
    budgets: { [ARCHIVE_BUDGET]: { rate, burst: Math.max(1, rate) } },
    headers: () => ({ 'user-agent': userAgent }),
    classify: (reply: ExchangeReply, call) => judge({ exchange: 'the archive of binance', reply, call }),
  };
}
