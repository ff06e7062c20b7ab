/** The user's request cannot be understood or served as it stands: exit code 2, with what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'usage';
  readonly retryable = false;
}
