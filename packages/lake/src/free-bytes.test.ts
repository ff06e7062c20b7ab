import { expect, it } from 'vitest';
import { freeBytes } from './free-bytes.js';

it('gives whole buffers back, by either way, and leaves small ones and parts of others', () => {
  const whole = (): Uint8Array => new Uint8Array(100_000).fill(7);
  const [direct, byPort] = [whole(), whole()];
  freeBytes(direct);
  // A Node before 21 has no other way.
  Object.defineProperty(byPort.buffer, 'transfer', { value: undefined });
  freeBytes(byPort);
  expect([direct.length, byPort.length]).toEqual([0, 0]);

  const large = whole();
  freeBytes(large.subarray(1));
  freeBytes(large.subarray(0, 99_999));
  const small = new Uint8Array(65_535);
  freeBytes(small);
  const shared = new Uint8Array(new SharedArrayBuffer(100_000));
  freeBytes(shared);
  expect([large.length, small.length, shared.length]).toEqual([100_000, 65_535, 100_000]);
});
