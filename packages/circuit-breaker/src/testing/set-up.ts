import {
  type CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitEvent,
  type CircuitStore,
  createCircuitBreaker,
  createMemoryStore,
} from '../index.js';
import { createManualClock, type ManualClock } from './manual-clock.js';

export const START: number = 1_700_000_000_000;
export const MINUTE: number = 60_000;
export const HTTP_500: Error = new Error('HTTP 500');

export interface CountedStore {
  readonly store: CircuitStore;
  readonly calls: { reads: number; writes: number };
}

/** Counts what a store is asked. */
export function countCalls(store: CircuitStore): CountedStore {
  const calls = { reads: 0, writes: 0 };
  const counted: CircuitStore = {
    read: () => {
      calls.reads += 1;
      return store.read();
    },
    write: (value, version) => {
      calls.writes += 1;
      return store.write(value, version);
    },
  };
  return { store: counted, calls };
}

export interface SetUp {
  readonly breaker: CircuitBreaker;
  readonly clock: ManualClock;
  readonly events: readonly CircuitEvent[];
  readonly texts: () => readonly string[];
  /** Requests one after another that fail. */
  readonly fail: (times: number) => Promise<void>;
}

/** A breaker on a manual clock. */
export function setUp(
  options: Partial<CircuitBreakerOptions> = {},
  clock: ManualClock = createManualClock(START),
): SetUp {
  const events: CircuitEvent[] = [];
  let ids = 0;
  const name = options.name ?? 'coinbase';
  const breaker = createCircuitBreaker({
    name,
    createId: () => `${name} ${++ids}`,
    ...options,
    clock: options.clock ?? clock,
    onEvent: (event) => events.push(event),
  });
  async function fail(times: number): Promise<void> {
    for (let count = 0; count < times; count++) await (await breaker.acquire()).failed(HTTP_500);
  }
  const texts = () => events.map(({ text }) => text);
  return { breaker, clock, events, texts, fail };
}

/** Watches a promise without waiting for it. */
export function watch<T>(promise: Promise<T>): { value?: T; error?: unknown } {
  const seen: { value?: T; error?: unknown } = {};
  promise.then(
    (value) => {
      seen.value = value;
    },
    (error: unknown) => {
      seen.error = error;
    },
  );
  return seen;
}

/** A store whose calls can be held. */
export function createHeldStore(): {
  readonly store: CircuitStore;
  readonly hold: () => void;
  readonly release: () => void;
} {
  const memory = createMemoryStore();
  let gate: Promise<void> = Promise.resolve();
  let release = (): void => {};
  const store: CircuitStore = {
    read: () => gate.then(memory.read),
    write: (value, version) => gate.then(() => memory.write(value, version)),
  };
  function hold(): void {
    gate = new Promise((resolve) => {
      release = resolve;
    });
  }
  return { store, hold, release: () => release() };
}
