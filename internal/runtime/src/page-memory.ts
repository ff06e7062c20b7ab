import { setFlagsFromString } from 'node:v8';

/** How far the heap of a fetching process may grow past what lived at the last full collection; V8's own is up to 300. */
const GROWTH_PERCENT = 20;

/**
 * A fetch holds a few pages and drops thousands. V8 by itself lets a heap of 20 MB grow to four times that before it
 * collects, and memory then follows the length of a run, up to a limit (docs/decisions/0013). Of the process: for
 * programs, not for libraries; a V8 without the flag ignores it.
 */
export function expectPages(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}
