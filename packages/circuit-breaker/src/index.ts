export { type AcquireOptions, type CircuitBreaker, createCircuitBreaker, type Permit } from './breaker.js';
export { type Clock, systemClock } from './clock.js';
export { CircuitBreakerError, type CircuitBreakerErrorCode, CircuitOpenError } from './errors.js';
export type { ChangeOrigin, CircuitEvent, ClosedReason } from './events.js';
export type { CircuitBreakerOptions } from './options.js';
export {
  type CircuitState,
  type ClosedState,
  type HalfOpenState,
  type OpenState,
  type Probe,
  parseCircuitState,
} from './state.js';
export { type CircuitStore, createMemoryStore } from './store.js';
export {
  consecutiveFailures,
  type FailureCounter,
  type FailureShareOptions,
  type FailureStrategy,
  failureShare,
} from './strategy.js';
