// A door of its own: who reads what was fetched, as the table does, loads nothing that fetches.
export { condemnObjects, type Damage } from './condemn.js';
export type { CheckpointContext } from './context.js';
export { type LoadedProduct, type LoadOptions, loadCheckpoint, rebuildCheckpoint } from './load-checkpoint.js';
