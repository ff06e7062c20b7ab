import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { systemClock } from '@schemahub/connector-kit';
import type { Clock } from '@schemahub/core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { collect } from './collect.js';
import { type LemonVenue, startLemonVenue } from './lemon-venue.js';

let skipped = Date.parse('2026-11-20T12:00:00Z') - Date.now();
/** The machine's clock, but the wait between two probes of a hole passes at once. Heartbeats and time-outs are longer. */
const clock: Clock = {
  now: () => Date.now() + skipped,
  sleep: async (ms, signal) => {
    if (ms > 10_000) return await systemClock.sleep(ms, signal);
    await setImmediate();
    skipped += ms;
  },
};
let venue: LemonVenue;
let folder: string;

beforeAll(async () => {
  venue = await startLemonVenue(clock.now);
  folder = await mkdtemp(join(tmpdir(), 'schemahub-lemon-'));
});
afterAll(async () => {
  venue.stop();
  await rm(folder, { recursive: true, force: true });
});

it('every trade of the venue is in the table, every id that it never issued is proven void', async () => {
  const { certificate, days } = await collect({ folder, origin: venue.origin, clock });
  expect(certificate).toMatchObject({ verdict: 'complete', findings: [] });
  expect(certificate.totals).toMatchObject({ wanted: 5000, in_table: venue.trades, void: 301, missing: 0 });
  expect(days.map(([, trades]) => Number(trades)).reduce((sum, trades) => sum + trades, 0)).toBe(venue.trades);
});

it('run again, it changes nothing', async () => {
  const { certificate } = await collect({ folder, origin: venue.origin, clock });
  expect(certificate.commit?.number).toBe(1);
  expect(certificate.totals).toMatchObject({ in_table: venue.trades, void: 301, missing: 0 });
});
