import { expect, it } from 'vitest';
import { systemClock } from './index.js';

it('the system clock runs forward, sleeps, and wakes at once when aborted', async () => {
  const before = systemClock.now();
  await systemClock.sleep(0);
  await systemClock.sleep(0.2, new AbortController().signal);
  expect(systemClock.now()).toBeGreaterThanOrEqual(before);
  await expect(systemClock.sleep(3_600_000, AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
  const controller = new AbortController();
  const asleep = systemClock.sleep(3_600_000, controller.signal);
  controller.abort(new Error('during'));
  await expect(asleep).rejects.toThrow('during');
});
