import { expect, it } from 'vitest';
import { neverBack } from './system-clock.js';

it('follows the wall clock, also ahead, and goes on from where it was when that is set back', () => {
  let wall = 1000;
  const now = neverBack(() => wall);
  expect([now(), now()]).toEqual([1000, 1000]);
  wall = 5000;
  expect(now()).toBe(5000);
  wall = 2000; // three seconds back
  expect(now()).toBe(5000);
  wall = 2250;
  expect(now()).toBe(5250);
  wall = 1000; // and once more
  expect(now()).toBe(5250);
  wall = 1001;
  expect(now()).toBe(5251);
  wall = 99_000; // set right: not followed, for it would be another step
  expect(now()).toBe(99_000 + 4250);
});
