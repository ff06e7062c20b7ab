import type { IngestEvent } from '@schemahub/ingest';
import type { OpenLake } from './lake.js';

/** How an exchange answered a run of late; a look at the world, kept beside the leases, and no fact about the lake. */
export interface ExchangeHealth {
  /** When the run looked, RFC 3339. */
  readonly at: string;
  /** Share of the latest requests (at most 100) that failed, 0 … 1. */
  readonly error_rate: number;
  /** Of the latest requests that succeeded (at most 1000), ms from sending to the last byte; null when none did. */
  readonly latency_ms_p50: number | null;
  readonly latency_ms_p95: number | null;
  /** Over the whole run. */
  readonly trades_per_second: number;
}

/** Keeps the health of one exchange while a run works, for `status` in another terminal. */
export interface HealthKeeper {
  readonly onEvent: (event: IngestEvent) => void;
  /** Writes the last look; resolves when it is there, or could not be. */
  readonly end: () => Promise<void>;
}

const OUTCOMES = 100;
const LATENCIES = 1000;
const WRITE_EVERY_MS = 10_000;

function keyOf({ layout }: OpenLake, exchange: string): string {
  return layout.lock(`health-${exchange}`);
}

function percentile(latencies: readonly number[], share: number): number | null {
  const sorted = [...latencies].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? null;
}

/**
 * Looks at a run's events. A run without news and without failures writes nothing, like everything else. What cannot be
 * written is left out: a look is not worth a run's failure, and the run's own writes tell the reason.
 */
export function createHealthKeeper(lake: OpenLake, exchange: string): HealthKeeper {
  const begun = lake.clock.now();
  const outcomes: boolean[] = [];
  const latencies: number[] = [];
  let trades = 0;
  let isNews = false;
  let writtenAt = begun;
  let writing: Promise<unknown> = Promise.resolve();

  const look = (now: number): ExchangeHealth => ({
    at: new Date(now).toISOString(),
    error_rate: outcomes.length === 0 ? 0 : outcomes.filter((ok) => !ok).length / outcomes.length,
    latency_ms_p50: percentile(latencies, 0.5),
    latency_ms_p95: percentile(latencies, 0.95),
    trades_per_second: Math.round(trades / Math.max(0.001, (now - begun) / 1000)),
  });
  const write = async (health: ExchangeHealth): Promise<void> => {
    const key = keyOf(lake, exchange);
    const held = await lake.documents.read(key).catch(() => undefined);
    await lake.documents.write(key, health, held?.version);
  };
  const schedule = (): void => {
    writtenAt = lake.clock.now();
    const health = look(writtenAt);
    writing = writing.then(() => write(health)).catch(() => undefined);
  };

  return {
    onEvent: (event) => {
      if (event.type === 'answered') {
        outcomes.push(event.error === undefined);
        if (outcomes.length > OUTCOMES) outcomes.shift();
        if (event.error === undefined) latencies.push(event.seconds * 1000);
        else isNews = true;
        if (latencies.length > LATENCIES) latencies.shift();
      } else if (event.type === 'object-landed' && event.created) {
        trades += event.trades;
        isNews = true;
        if (lake.clock.now() - writtenAt >= WRITE_EVERY_MS) schedule();
      }
    },
    end: async () => {
      if (isNews) schedule();
      await writing;
    },
  };
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** The latest look at an exchange; undefined when there is none, or none that can be read. */
export async function readHealth(lake: OpenLake, exchange: string): Promise<ExchangeHealth | undefined> {
  const held = await lake.documents.read(keyOf(lake, exchange)).catch(() => undefined);
  const value = (held?.value ?? {}) as Partial<Record<keyof ExchangeHealth, unknown>>;
  if (typeof value.at !== 'string' || Number.isNaN(Date.parse(value.at))) return undefined;
  return {
    at: value.at,
    error_rate: numberOf(value.error_rate) ?? 0,
    latency_ms_p50: numberOf(value.latency_ms_p50),
    latency_ms_p95: numberOf(value.latency_ms_p95),
    trades_per_second: numberOf(value.trades_per_second) ?? 0,
  };
}
