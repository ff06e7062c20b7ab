import { writeFile } from 'node:fs/promises';
import type { IngestEvent } from '@schemahub/ingest';
import { peakMemoryBytes } from './peak-memory.js';
import { bytesText, grouped } from './text-table.js';

export interface FetchReport {
  readonly onEvent: (event: IngestEvent) => void;
  /** Where the time went, as one line. */
  readonly stagesLine: () => string;
  readonly summary: (peakBufferedBytes: number) => Record<string, unknown>;
}

function percentile(sorted: readonly number[], share: number): number | null {
  return sorted.length === 0 ? null : sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

/** Latencies kept for the percentiles; a reservoir of the latest is enough for a report. */
const LATENCIES = 10_000;

/** One step of the way from the exchange to the lake, over all products. */
interface Stage {
  items: number;
  bytes: number;
  /** Summed over what ran side by side: more than the run took where the stage is parallel. */
  busySeconds: number;
  waitingSeconds: number;
  queueHighWater: number;
}

const newStage = (): Stage => ({ items: 0, bytes: 0, busySeconds: 0, waitingSeconds: 0, queueHighWater: 0 });

function count(stage: Stage, more: Partial<Stage>): void {
  stage.items++;
  stage.bytes += more.bytes ?? 0;
  stage.busySeconds += more.busySeconds ?? 0;
  stage.waitingSeconds += more.waitingSeconds ?? 0;
  stage.queueHighWater = Math.max(stage.queueHighWater, more.queueHighWater ?? 0);
}

const seconds3 = (seconds: number): number => Number(seconds.toFixed(3));

function told({ items, bytes, busySeconds, waitingSeconds, queueHighWater }: Stage): Record<string, number> {
  return {
    items,
    bytes,
    busy_seconds: seconds3(busySeconds),
    waiting_seconds: seconds3(waitingSeconds),
    queue_high_water: queueHighWater,
  };
}

function megabytesPerSecond({ bytes, busySeconds }: Stage): number | null {
  return busySeconds > 0 ? Number((bytes / 1e6 / busySeconds).toFixed(1)) : null;
}

type Stages = Readonly<Record<'fetch' | 'parse' | 'pack' | 'store', Stage>>;

/** Where the time of a run went. `fetch` waits at the limiter and is busy while the exchange answers. */
function createStages(): { readonly stages: Stages; readonly onEvent: (event: IngestEvent) => void } {
  const stages: Stages = { fetch: newStage(), parse: newStage(), pack: newStage(), store: newStage() };
  return {
    stages,
    onEvent: (event) => {
      if (event.type === 'answered') {
        const { seconds, bytes, waitedSeconds, queued } = event;
        count(stages.fetch, { bytes, busySeconds: seconds, waitingSeconds: waitedSeconds, queueHighWater: queued });
        if (event.error === undefined) count(stages.parse, { bytes, busySeconds: event.parseSeconds });
      } else if (event.type === 'window-packed') {
        count(stages.pack, { bytes: event.bytes, busySeconds: event.seconds });
      } else if (event.type === 'object-landed') {
        const { seconds, waitedSeconds, queued, bytes } = event;
        count(stages.store, { bytes, busySeconds: seconds, waitingSeconds: waitedSeconds, queueHighWater: queued });
      }
    },
  };
}

/** The stages as one line for people. */
function stagesLine({ fetch, parse, pack, store }: Stages): string {
  const text = (value: number): string => `${value.toFixed(1)} s`;
  const speed = megabytesPerSecond(store);
  return [
    `time: exchange ${text(fetch.busySeconds)} over ${grouped(fetch.items)} requests side by side`,
    `limiter ${text(fetch.waitingSeconds)}`,
    `reading ${text(parse.busySeconds)}`,
    `packing ${text(pack.busySeconds)}`,
    `store ${text(store.busySeconds)}${speed === null ? '' : ` (${bytesText(store.bytes)}, ${speed} MB/s)`}`,
  ].join(' · ');
}

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
  const { stages, onEvent } = createStages();
  let requests = 0;
  let windows = 0;
  let trades = 0;
  let retries = 0;
  let objects = 0;
  let objectBytes = 0;
  let landed = 0;
  return {
    onEvent: (event) => {
      onEvent(event);
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
    stagesLine: () => stagesLine(stages),
    summary: (peakBufferedBytes) => {
      const seconds = Math.max(0.001, (clock.now() - begun) / 1000);
      const sorted = Object.values(latencies).sort((a, b) => a - b);
      return {
        seconds: seconds3(seconds),
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
        stages: Object.entries(stages).map(([stage, facts]) => ({ stage, ...told(facts) })),
        store_mb_per_second: megabytesPerSecond(stages.store),
        trades_per_second: Math.round(trades / seconds),
        peak_memory_bytes: peakMemoryBytes(),
        dollars: 0,
      };
    },
  };
}

/** Writes the report where `--report FILE` says. */
export async function writeReport(path: string | undefined, report: unknown): Promise<void> {
  if (path !== undefined) await writeFile(path, `${JSON.stringify(report, null, 2)}\n`);
}
