import { ExchangeError } from '@schemahub/core';
import { expect, it } from 'vitest';
import { createFetchReport } from './fetch-report.js';

it('says for each stage what went through it, how long it was busy and waited, and how long its queue was', () => {
  let now = 1000;
  const report = createFetchReport({ now: () => now });
  const answer = { type: 'answered', seconds: 1.5, waitedSeconds: 0.25, parseSeconds: 0.004, bytes: 100_000 } as const;
  const failed = new ExchangeError('503', { kind: 'transient', transient: 'server', status: 503 });
  report.onEvent({ ...answer, queued: 3, error: undefined });
  report.onEvent({ ...answer, queued: 7, error: undefined });
  report.onEvent({ ...answer, parseSeconds: 0, queued: 1, bytes: 0, error: failed });
  report.onEvent({ type: 'window-packed', product: 'A', trades: 1000, bytes: 20_000, seconds: 0.01 });
  const landed = { type: 'object-landed', product: 'A', key: 'k', trades: 1000, created: true } as const;
  report.onEvent({ ...landed, bytes: 20_000_000, seconds: 0.5, waitedSeconds: 0, queued: 0 });
  report.onEvent({ ...landed, bytes: 10_000_000, seconds: 0.25, waitedSeconds: 0.5, queued: 1 });
  now = 5000;
  const { stages, store_mb_per_second, seconds } = report.summary(0);
  expect({ stages, store_mb_per_second, seconds }).toEqual({
    seconds: 4,
    store_mb_per_second: 40,
    stages: [
      { stage: 'fetch', items: 3, bytes: 200_000, busy_seconds: 4.5, waiting_seconds: 0.75, queue_high_water: 7 },
      { stage: 'parse', items: 2, bytes: 200_000, busy_seconds: 0.008, waiting_seconds: 0, queue_high_water: 0 },
      { stage: 'pack', items: 1, bytes: 20_000, busy_seconds: 0.01, waiting_seconds: 0, queue_high_water: 0 },
      { stage: 'store', items: 2, bytes: 30_000_000, busy_seconds: 0.75, waiting_seconds: 0.5, queue_high_water: 1 },
    ],
  });
  expect(report.stagesLine()).toBe(
    'time: exchange 4.5 s over 3 requests side by side · limiter 0.8 s · reading 0.0 s · packing 0.0 s · store 0.8 s (30 MB, 40 MB/s)',
  );
});
