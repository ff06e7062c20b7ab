/** Stable codes of `SimulationError`. */
export type SimulationErrorCode = 'invalid-option' | 'unknown-product' | 'invalid-recording';

/** The stand-in was asked for something it cannot be. Always a mistake of the caller, never of the simulated exchange. */
export class SimulationError extends Error {
  override readonly name = 'SimulationError';
  readonly code: SimulationErrorCode;
  readonly retryable = false;

  constructor(code: SimulationErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
  }
}

/** Throws the sentence every refused option gets. */
export function refuse(option: string, expected: string, got: unknown, remedy: string): never {
  const shown = typeof got === 'string' ? `"${got}"` : typeof got === 'object' ? JSON.stringify(got) : String(got);
  throw new SimulationError('invalid-option', `${option}: expected ${expected}, got ${shown}. ${remedy}`);
}
