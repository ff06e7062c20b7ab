export {
  applyChange,
  type Checkpoint,
  type CheckpointChange,
  cursorOf,
  emptyCheckpoint,
  encodeCheckpoint,
  parseCheckpoint,
} from './checkpoint.js';
export { CheckpointError } from './errors.js';
export { type CheckpointStore, type CheckpointStoreOptions, createCheckpointStore } from './store.js';
