// A million operations on a set of 100,000 ranges: `pnpm bench coverage`. CPU seconds of this process.
import { RangeSet } from '@schemahub/coverage';

const RANGES = 100_000;
const OPERATIONS = 1_000_000;
let state = 42;
const random = (n) => {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
  return state % n;
};
const base = RangeSet.fromRanges(Array.from({ length: RANGES }, (_, i) => ({ first: 100 * i, last: 100 * i + 49 })));
const span = 100 * RANGES;

function measure(name, run) {
  const before = process.cpuUsage();
  const result = run();
  const { user, system } = process.cpuUsage(before);
  console.log(`| ${name} | ${((user + system) / 1e6).toFixed(2)} | ${result} |`);
}

console.log('| operation | CPU s | result |\n|---|---|---|');
measure('1,000,000 contains', () => {
  let hits = 0;
  for (let i = 0; i < OPERATIONS; i++) if (base.contains(random(span))) hits++;
  return `${hits} hits`;
});
measure('1,000,000 unions of a small range', () => {
  let set = base;
  for (let i = 0; i < OPERATIONS; i++) {
    const first = random(span);
    set = set.union(RangeSet.of(first, first + random(8)));
  }
  return `${set.rangeCount} ranges`;
});
measure('1,000,000 differences of a small range', () => {
  let set = base;
  for (let i = 0; i < OPERATIONS; i++) {
    const first = random(span);
    set = set.difference(RangeSet.of(first, first + random(4)));
  }
  return `${set.rangeCount} ranges`;
});
measure('100 unions of two sets of 100,000 ranges', () => {
  const other = RangeSet.fromRanges(
    Array.from({ length: RANGES }, (_, i) => ({ first: 100 * i + 60, last: 100 * i + 70 })),
  );
  let ranges = 0;
  for (let i = 0; i < 100; i++) ranges = base.union(other).rangeCount;
  return `${ranges} ranges`;
});
