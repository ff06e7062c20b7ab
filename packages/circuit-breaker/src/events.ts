import type { CircuitState } from './state.js';

/** Who made a change: this process, or another one that was seen in the store. Count opens by `here` only. */
export type ChangeOrigin = 'here' | 'store';

/** What a breaker tells. `text` is one line for a log; saved queries match it (SPEC §7). */
export type CircuitEvent =
  | {
      readonly type: 'opened';
      readonly name: string;
      readonly origin: ChangeOrigin;
      readonly reason: string;
      readonly lastError: string;
      readonly reopensAt: number;
      readonly text: string;
    }
  | { readonly type: 'half-open'; readonly name: string; readonly origin: ChangeOrigin; readonly text: string }
  | {
      readonly type: 'closed';
      readonly name: string;
      readonly origin: ChangeOrigin;
      readonly reason: 'recovered' | 'stale' | 'restored';
      readonly text: string;
    }
  /** The store could not be used; this process goes on with what it knows. */
  | { readonly type: 'store-failed'; readonly name: string; readonly error: unknown; readonly text: string };

export type ClosedReason = Extract<CircuitEvent, { type: 'closed' }>['reason'];

const CLOSED_TEXT: Readonly<Record<ClosedReason, (successes: number) => string>> = {
  recovered: (successes) => `exchange recovered (${successes} consecutive successes)`,
  stale: () => 'the stored state was stale',
  restored: () => 'restored from outside',
};

export function stateEvent(
  state: CircuitState,
  options: {
    readonly name: string;
    readonly origin: ChangeOrigin;
    readonly closedReason: ClosedReason;
    readonly successesToClose: number;
  },
): CircuitEvent {
  const { name, origin, closedReason } = options;
  switch (state.phase) {
    case 'open': {
      const { reason, lastError, reopensAt } = state;
      const text = `${name} circuit OPENED after ${reason}. Last error: ${lastError}`;
      return { type: 'opened', name, origin, reason, lastError, reopensAt, text };
    }
    case 'half-open':
      return { type: 'half-open', name, origin, text: `${name} circuit HALF_OPEN (testing recovery)` };
    case 'closed': {
      const text = `${name} circuit CLOSED - ${CLOSED_TEXT[closedReason](options.successesToClose)}`;
      return { type: 'closed', name, origin, reason: closedReason, text };
    }
  }
}

export function storeFailedEvent(name: string, error: unknown): CircuitEvent {
  const text = `${name} circuit: the store could not be used, going on with local state. ${describeError(error)}`;
  return { type: 'store-failed', name, error, text };
}

/** One short line, fit for a log and a small document. */
export function describeError(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.replaceAll(/\s+/g, ' ').slice(0, 200);
}
