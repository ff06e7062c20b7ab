import { writeFile } from 'node:fs/promises';
import type { IngestEvent } from '@schemahub/ingest';

export interface FetchReport {
  readonly onEvent: (event: IngestEvent) => void;
  readonly summary: (peakBufferedBytes: number) => Record<string, unknown>;
}

function percentile(sorted: readonly number[], share: number): number | null {
  return sorted.length === 0 ? null : sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

/** Latencies kept for the percentiles; a reservoir of the latest is enough for a report. */
const LATENCIES = 10_000;

/** Counts what a run did: requests, latency, failures, trades, objects, memory. */
export function createFetchReport(clock: { readonly now: () => number }): FetchReport {
  const begun = clock.now();
  const latencies: number[] = [];
  const failures: Record<string, number> = {
    rate: 0,
    server: 0,
    timeout: 0,
    connection: 0,
    body: 0,
    product: 0,
    forbidden: 0,
    request: 0,
  };
  let requests = 0;
  let windows = 0;
  let trades = 0;
  let retries = 0;
  let objects = 0;
  let objectBytes = 0;
  let landed = 0;
  return {
    onEvent: (event) => {
      if (event.type === 'answered') {
        requests++;
        if (event.error === undefined) latencies[requests % LATENCIES] = event.seconds * 1000;
      } else if (event.type === 'request-succeeded') {
        windows++;
        trades += event.trades;
      } else if (event.type === 'request-failed') {
        const kind = event.error.kind === 'transient' ? (event.error.transient ?? 'server') : event.error.kind;
        failures[kind] = (failures[kind] ?? 0) + 1;
        if (event.retryInMs !== undefined) retries++;
      } else if (event.type === 'object-landed') {
        if (event.created) objects++;
        if (event.created) objectBytes += event.bytes;
        landed += event.trades;
      }
    },
    summary: (peakBufferedBytes) => {
      const seconds = Math.max(0.001, (clock.now() - begun) / 1000);
      const sorted = Object.values(latencies).sort((a, b) => a - b);
      return {
        seconds: Number(seconds.toFixed(3)),
        fetch: {
          requests,
          windows,
          trades,
          retries,
          failures,
          latency_ms_p50: percentile(sorted, 0.5),
          latency_ms_p95: percentile(sorted, 0.95),
        },
        write: { objects, trades: landed, bytes: objectBytes, buffered_bytes_peak: peakBufferedBytes },
        trades_per_second: Math.round(trades / seconds),
        peak_memory_bytes: process.resourceUsage().maxRSS * 1024,
        dollars: 0,
      };
    },
  };
}

/** Writes the report where `--report FILE` says. */
export async function writeReport(path: string | undefined, report: unknown): Promise<void> {
  if (path !== undefined) await writeFile(path, `${JSON.stringify(report, null, 2)}\n`);
}
