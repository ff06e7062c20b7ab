/** A stored checkpoint is not readable: it is a cache, so it is rebuilt from raw objects and evidence. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';
  readonly code = 'corrupt-checkpoint';
  readonly retryable = false;
}
