import { jsonReply, type SimReply } from './reply.js';

/** Binance's limit: weight a clock minute and address; who goes on asking is banned for ever longer (EXCHANGES §2.3). */
export interface WeightMeter {
  /** Takes weight, or answers 429 or 418. */
  readonly take: (remote: string, weight: number, nowMs: number) => SimReply | undefined;
  readonly headers: (remote: string, nowMs: number) => Readonly<Record<string, string>>;
}

const minuteMs = 60_000;
/** Requests after a 429 within its minute until the ban. */
const patience = 10;
const firstBanMs = 120_000;

interface Usage {
  minute: number;
  used: number;
  ignored: number;
  bans: number;
  bannedUntil: number;
}

export function createWeightMeter(weightPerMinute: number): WeightMeter {
  const usages = new Map<string, Usage>();
  const usageOf = (remote: string, nowMs: number): Usage => {
    const minute = Math.floor(nowMs / minuteMs);
    const usage = usages.get(remote) ?? { minute, used: 0, ignored: 0, bans: 0, bannedUntil: 0 };
    if (usage.minute !== minute) Object.assign(usage, { minute, used: 0, ignored: 0 });
    usages.set(remote, usage);
    return usage;
  };
  const refuse = (status: number, waitMs: number, msg: string): SimReply =>
    jsonReply(status, { code: -1003, msg }, { 'retry-after': String(Math.ceil(waitMs / 1000)) });
  const banned = ({ bannedUntil }: Usage, nowMs: number): SimReply =>
    refuse(
      418,
      bannedUntil - nowMs,
      `Way too much request weight used; IP banned until ${Math.floor(bannedUntil)}. Please use WebSocket Streams for live updates to avoid bans.`,
    );
  return {
    headers: (remote, nowMs) => ({ 'x-mbx-used-weight-1m': String(usageOf(remote, nowMs).used) }),
    take: (remote, weight, nowMs) => {
      const usage = usageOf(remote, nowMs);
      if (usage.bannedUntil > nowMs) return banned(usage, nowMs);
      if (usage.used + weight <= weightPerMinute) {
        usage.used += weight;
        return undefined;
      }
      usage.ignored += 1;
      if (usage.ignored > patience) {
        usage.bans += 1;
        usage.bannedUntil = nowMs + firstBanMs * 2 ** (usage.bans - 1);
        return banned(usage, nowMs);
      }
      const msg = `Too much request weight used; current limit is ${weightPerMinute} request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API.`;
      return refuse(429, (usage.minute + 1) * minuteMs - nowMs, msg);
    },
  };
}
