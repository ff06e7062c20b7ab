import type { MetricRecorder } from '@schemahub/observability';
import type { Config } from '@schemahub/runtime/config';
import { exitCodes } from './exit-codes.js';
import type { Io } from './io.js';

/** What a command tells the outside besides its output. */
export interface Telemetry {
  /** Metrics of this run; undefined when nobody wants them. */
  readonly recorder: MetricRecorder | undefined;
  /** Says how the command ended, and sends what is left. Never throws. */
  readonly end: (command: string, code: number) => Promise<void>;
}

export const noTelemetry: Telemetry = { recorder: undefined, end: async () => undefined };

/** Alarms look at minutes: a long run sends what it has as often. */
const FLUSH_EVERY_MS = 60_000;
const FAILURES: ReadonlySet<number> = new Set([exitCodes.error, exitCodes.usage, exitCodes.damage]);

/** Metrics as `--metrics` wants them; loaded by those runs only that want some. */
export async function openTelemetry(config: Config, io: Io): Promise<Telemetry> {
  if (config.text('metrics') === 'none') return noTelemetry;
  const { createPublisher, createRecorder } = await import('@schemahub/observability');
  const { openMetricSink } = await import('@schemahub/runtime/metrics');
  const sink = await openMetricSink(config, io.err);
  if (sink === undefined) return noTelemetry;
  const recorder = createRecorder();
  const now = (): number => io.clock?.now() ?? Date.now();
  const publisher = createPublisher({
    recorder,
    sink,
    now,
    onFailure: (error) =>
      io.err(
        `metrics could not be sent (${error instanceof Error ? error.message : String(error)}); the run goes on\n`,
      ),
  });
  const begun = now();
  const subject = { source: config.text('exchange') };
  recorder.add('JobRuns', 1, subject);
  const timer = setInterval(() => void publisher.flush(), FLUSH_EVERY_MS);
  timer.unref();
  return {
    recorder,
    end: async (_command, code) => {
      clearInterval(timer);
      recorder.add('JobFailures', FAILURES.has(code) ? 1 : 0, subject);
      recorder.set('JobDurationSeconds', (now() - begun) / 1000, subject);
      await publisher.flush();
    },
  };
}
