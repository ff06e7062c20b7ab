import { tradesUnified } from '@schemahub/core';
import { expect, it } from 'vitest';
import { blockThreads } from './block-thread.js';
import { loadConfig } from './config.js';

it('a thread that cannot be started ends with the reason, and those beside it can be closed', async () => {
  const config = await loadConfig({ flags: { threads: '3' }, environment: {}, folder: import.meta.dirname });
  // Refused at once, as a thread beyond a limit of processes is.
  const entry = new URL('https://example.com/thread.mjs');
  const workers = blockThreads({ config, entry, schema: tradesUnified, mappings: {}, runId: 'run' })(9);
  expect(workers).toHaveLength(2);
  for (const { ended, port, close } of workers) {
    port.postMessage('a block');
    expect(await ended).toMatch(/^it could not be started: .*scheme/);
    await close();
  }
});
