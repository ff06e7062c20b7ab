import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ingestDefaults } from '@schemahub/ingest';
import { expect, it } from 'vitest';
import { loadConfig } from './config.js';
import { BYTE_BUDGET, ingestSettings } from './ingest.js';

it('without a flag, a run works by the defaults of the library', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'schemahub-'));
  const config = await loadConfig({ flags: {}, environment: {}, folder });
  const none = { fullRefresh: false, skipCheckpoint: false, acceptOrigin: false, rawPayload: false, dryRun: false };
  expect(ingestSettings('ingest', config, none)).toEqual({
    ...ingestDefaults,
    mode: 'ingest',
    from: undefined,
    to: undefined,
    after: undefined,
    before: undefined,
  });
  expect(ingestDefaults).toMatchObject({
    workers: 2,
    chunkConcurrency: 15,
    objectTrades: 100_000,
    coldStartMs: 45 * 60_000,
    probeWaitMs: 5000,
    youngMs: 10 * 60_000,
    reprobeMs: 30 * 24 * 3600_000,
  });
});

it('holds at most 256 MB of what is fetched and not yet written', () => {
  expect(BYTE_BUDGET).toBe(256_000_000);
});
