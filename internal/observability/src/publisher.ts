import { emfLines, planPuts } from './batches.js';
import type { MetricDatum, MetricRecorder } from './recorder.js';

/** Where metrics go; one request or some lines. */
export type MetricSink = (data: readonly MetricDatum[], now: number) => Promise<void>;

/** Sends what was recorded. Never throws: a job does not fail by its metrics. */
export interface MetricPublisher {
  readonly flush: () => Promise<void>;
}

export function createPublisher(options: {
  readonly recorder: MetricRecorder;
  readonly sink: MetricSink;
  readonly now: () => number;
  /** Told once of what could not be sent; further failures are silent. */
  readonly onFailure: (error: unknown) => void;
}): MetricPublisher {
  const { recorder, sink, now, onFailure } = options;
  let hasFailed = false;
  let last: Promise<void> = Promise.resolve();
  const send = async (): Promise<void> => {
    for (const batch of planPuts(recorder.drain())) {
      try {
        await sink(batch, now());
      } catch (error) {
        if (!hasFailed) onFailure(error);
        hasFailed = true;
      }
    }
  };
  return {
    // One after the other: the flush at the end waits for the one that is under way.
    flush: () => {
      last = last.then(send);
      return last;
    },
  };
}

/** Metrics as lines of the log. */
export function createEmfSink(write: (line: string) => void): MetricSink {
  return async (data, now) => {
    for (const line of emfLines(data, now)) write(`${line}\n`);
  };
}
