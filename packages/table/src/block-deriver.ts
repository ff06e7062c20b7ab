import type { BlockDeriver } from './block-work.js';
import type { TableContext } from './context.js';
import { deriveBlock } from './derive-block.js';
import { rederiveBlock } from './rederive-block.js';

/** Does blocks in this thread. */
export function createBlockDeriver(context: TableContext): BlockDeriver {
  return {
    derive: (task, hooks) => deriveBlock({ ...context, signal: hooks.signal }, task, hooks.onRefused),
    rederive: (task, { signal }) => rederiveBlock({ ...context, signal }, task),
  };
}
