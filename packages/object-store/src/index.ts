export { StoreError, type StoreErrorCode } from './errors.js';
export { createFolderStore, type FolderStoreOptions } from './folder.js';
export { checkKey } from './key.js';
export { createMemoryStore, type MemoryStoreOptions } from './memory.js';
export { createOverlayStore } from './overlay.js';
export type { GetOptions, ListOptions, ObjectEntry, ObjectStore, StoredObject } from './port.js';
export { currentProcess, isProcessGone, type ProcessIdentity, parseProcessIdentity } from './process-identity.js';
export { createVerifiedStore, type VerifiedStoreOptions } from './verified.js';
