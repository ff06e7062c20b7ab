import { setFlagsFromString } from 'node:v8';

/** Bytes of dropped columns, pages and pieces that may wait for a full collection. */
const GROWTH_BYTES = 64 * 2 ** 20;
/** What V8 allows a small heap by itself; see `heap_growing_percent` in its flag definitions. */
const OWN_PERCENT = 300;

/**
 * V8 counts array buffers against a limit that follows the size of its own heap: a run that holds 10 MB of objects and
 * moves columns through buffers would collect everything each 10 MB, a quarter of its CPU (docs/decisions/0052). The
 * limit becomes one of bytes. Of the process: for programs, not for libraries; a V8 without the flag ignores it.
 */
export function expectColumns(heapBytes: number = process.memoryUsage().heapUsed): void {
  const percent = Math.round((GROWTH_BYTES / heapBytes) * 100);
  if (percent > OWN_PERCENT) setFlagsFromString(`--heap-growing-percent=${percent}`);
}
