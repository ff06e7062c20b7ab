import { type Clock, systemClock } from './clock.js';
import { CircuitBreakerError } from './errors.js';
import type { CircuitEvent } from './events.js';
import type { CircuitRules } from './state.js';
import { type CircuitStore, createMemoryStore } from './store.js';
import { consecutiveFailures, type FailureStrategy } from './strategy.js';

export interface CircuitBreakerOptions {
  /** What it protects, as it stands in every text: `coinbase`. */
  readonly name: string;
  /** Default: the machine's clock and timers. */
  readonly clock?: Clock | undefined;
  /** When it opens. Default `consecutiveFailures(5)`. */
  readonly strategy?: FailureStrategy | undefined;
  /** Where processes share the state. Default: this process alone. */
  readonly store?: CircuitStore | undefined;
  /** How long it stays open before a probe may pass. Default 300,000. */
  readonly openMs?: number | undefined;
  /** A state that is not closed and that nobody touched for longer says nothing any more. Above `openMs`; default 600,000. */
  readonly staleMs?: number | undefined;
  /** Probes in a row that must succeed. Default 3. */
  readonly successesToClose?: number | undefined;
  /** A probe whose end was never told is given up after this; longer than any request may last. Default 60,000. */
  readonly probeLeaseMs?: number | undefined;
  /** How often to look whether another process's probe has ended. Default 1,000. */
  readonly pollMs?: number | undefined;
  /** Makes an id that no other process makes. Default: a random UUID. */
  readonly createId?: (() => string) | undefined;
  /** Told of every change. Must not throw. */
  readonly onEvent?: ((event: CircuitEvent) => void) | undefined;
}

export interface CircuitBreakerSettings {
  readonly name: string;
  readonly clock: Clock;
  readonly strategy: FailureStrategy;
  readonly store: CircuitStore;
  readonly rules: CircuitRules;
  readonly pollMs: number;
  readonly createId: () => string;
  readonly onEvent: (event: CircuitEvent) => void;
}

function refuse(name: string, expected: string, got: unknown, remedy: string): never {
  throw new CircuitBreakerError(
    'invalid-option',
    `createCircuitBreaker: ${name} must be ${expected}, got ${String(got)}. ${remedy}`,
  );
}

function duration(name: string, value: number): number {
  if (!(Number.isFinite(value) && value >= 1))
    refuse(name, 'a number of milliseconds ≥ 1', value, 'Leave it out for the default.');
  return value;
}

/** Checks everything at the door, completely. */
export function checkOptions(options: CircuitBreakerOptions): CircuitBreakerSettings {
  const { name } = options;
  if (typeof name !== 'string' || name.trim() === '') {
    refuse('name', 'a text', JSON.stringify(name), 'It stands in every event and log line.');
  }
  const openMs = duration('openMs', options.openMs ?? 300_000);
  const staleMs = duration('staleMs', options.staleMs ?? Math.max(600_000, 2 * openMs));
  if (staleMs <= openMs)
    refuse('staleMs', `above openMs (${openMs})`, staleMs, 'Otherwise no probe would ever be sent.');
  const probeLeaseMs = duration('probeLeaseMs', options.probeLeaseMs ?? 60_000);
  if (staleMs <= probeLeaseMs)
    refuse('staleMs', `above probeLeaseMs (${probeLeaseMs})`, staleMs, 'Otherwise a probe under way is forgotten.');
  const successesToClose = options.successesToClose ?? 3;
  if (!(Number.isInteger(successesToClose) && successesToClose >= 1)) {
    refuse('successesToClose', 'a whole number ≥ 1', successesToClose, 'Leave it out for 3.');
  }
  return {
    name,
    clock: options.clock ?? systemClock,
    strategy: options.strategy ?? consecutiveFailures(),
    store: options.store ?? createMemoryStore(),
    rules: { openMs, staleMs, probeLeaseMs, successesToClose },
    pollMs: duration('pollMs', options.pollMs ?? 1_000),
    createId: options.createId ?? (() => globalThis.crypto.randomUUID()),
    onEvent: options.onEvent ?? (() => {}),
  };
}
