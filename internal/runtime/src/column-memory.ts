import { setFlagsFromString } from 'node:v8';

/** Bytes of dropped pages and arrays that may wait for a full collection. */
const GROWTH_BYTES = 64 * 2 ** 20;
/** The same beside columns of a block that is nearly full, which take 100 MB themselves (docs/decisions/0054). */
const GROWTH_BYTES_BESIDE_FULL = 24 * 2 ** 20;
const FULL_ROWS = 1_500_000;
/** A heap that is large already may grow as V8 decides: by 10 to 300, see `heap_growing_percent` in its flag definitions. */
const LEAST_PERCENT = 100;

/**
 * V8 counts array buffers against a limit that follows the size of its own heap: a run that holds 10 MB of objects and
 * moves columns through buffers would collect everything each 10 MB, a quarter of its CPU (docs/decisions/0052). The
 * limit becomes one of bytes. Of the process: for programs, not for libraries; a V8 without the flag ignores it.
 * Gives what is to be told the rows of each block.
 */
export function expectColumns(heapBytes: number = process.memoryUsage().heapUsed): (rows: number) => void {
  const allow = (bytes: number): void => {
    const percent = Math.round((bytes / heapBytes) * 100);
    if (percent > LEAST_PERCENT) setFlagsFromString(`--heap-growing-percent=${percent}`);
  };
  allow(GROWTH_BYTES);
  let hasFullBlocks = false;
  return (rows) => {
    if (hasFullBlocks || rows < FULL_ROWS) return;
    hasFullBlocks = true;
    allow(GROWTH_BYTES_BESIDE_FULL);
  };
}
