import { CircuitBreakerError } from './errors.js';

/** Requests pass. */
export interface ClosedState {
  readonly phase: 'closed';
  /** When the state was last written, ms since 1970. */
  readonly updatedAt: number;
}

/** Requests wait. */
export interface OpenState {
  readonly phase: 'open';
  readonly updatedAt: number;
  /** From when on a probe may pass, ms since 1970. */
  readonly reopensAt: number;
  /** What opened it: `5 consecutive failures`. */
  readonly reason: string;
  readonly lastError: string;
}

/** One request at a time passes, to see whether the other side has recovered. */
export interface HalfOpenState {
  readonly phase: 'half-open';
  readonly updatedAt: number;
  /** Probes that succeeded in a row. */
  readonly successes: number;
  /** The probe under way, if any. */
  readonly probe?: Probe | undefined;
}

export interface Probe {
  /** Unique over all processes. */
  readonly id: string;
  /** From then on another may probe: the holder crashed or never said how it went. Ms since 1970. */
  readonly expiresAt: number;
}

/** A field exists only where it means something. JSON as it is. */
export type CircuitState = ClosedState | OpenState | HalfOpenState;

/** The numbers that the transitions below go by. */
export interface CircuitRules {
  readonly openMs: number;
  readonly staleMs: number;
  readonly probeLeaseMs: number;
  readonly successesToClose: number;
}

/** What may pass now. `state` is the state to be stored, when it changes. */
export type Verdict =
  | { readonly kind: 'pass'; readonly state?: CircuitState }
  | { readonly kind: 'probe'; readonly state: CircuitState }
  /** `firm`: nobody can pass before `until`. Otherwise a probe is under way and may end sooner. */
  | { readonly kind: 'wait'; readonly until: number; readonly firm: boolean };

export function closedState(now: number): ClosedState {
  return { phase: 'closed', updatedAt: now };
}

export function openState(now: number, rules: CircuitRules, reason: string, lastError: string): OpenState {
  return { phase: 'open', updatedAt: now, reopensAt: now + rules.openMs, reason, lastError };
}

/** A state that nobody touched for so long says nothing any more; one from the future was written by a wrong clock. */
export function isStale(state: CircuitState, now: number, rules: CircuitRules): boolean {
  if (state.phase === 'closed') return false;
  const ageMs = now - state.updatedAt;
  return ageMs > rules.staleMs || ageMs < -rules.openMs;
}

/** Asks to pass; `probeId` is used if the answer is `probe`. */
export function admit(state: CircuitState, now: number, rules: CircuitRules, probeId: string): Verdict {
  if (isStale(state, now, rules)) return { kind: 'pass', state: closedState(now) };
  const probe: Probe = { id: probeId, expiresAt: now + rules.probeLeaseMs };
  switch (state.phase) {
    case 'closed':
      return { kind: 'pass' };
    case 'open':
      if (now < state.reopensAt) return { kind: 'wait', until: state.reopensAt, firm: true };
      return { kind: 'probe', state: { phase: 'half-open', updatedAt: now, successes: 0, probe } };
    case 'half-open':
      if (state.probe !== undefined && now < state.probe.expiresAt) {
        return { kind: 'wait', until: state.probe.expiresAt, firm: false };
      }
      return { kind: 'probe', state: { phase: 'half-open', updatedAt: now, successes: state.successes, probe } };
  }
}

/** How a probe ended; `ignored` says nothing about the other side. */
export type ProbeOutcome =
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'ignored' }
  | { readonly kind: 'failed'; readonly lastError: string };

/** The state after a probe; undefined when the state no longer waits for this probe, so that its end changes nothing. */
export function endProbe(
  state: CircuitState,
  now: number,
  rules: CircuitRules,
  probeId: string,
  outcome: ProbeOutcome,
): CircuitState | undefined {
  if (state.phase !== 'half-open' || state.probe?.id !== probeId) return undefined;
  if (outcome.kind === 'failed') return openState(now, rules, 'a failed probe', outcome.lastError);
  const successes = state.successes + (outcome.kind === 'succeeded' ? 1 : 0);
  if (successes >= rules.successesToClose) return closedState(now);
  return { phase: 'half-open', updatedAt: now, successes };
}

/** The last millisecond that a Date can hold. */
const LAST_TIME = 8.64e15;

/** Checks a state that comes from outside. Throws `CircuitBreakerError` with code `invalid-state`. */
export function parseCircuitState(value: unknown): CircuitState {
  if (typeof value !== 'object' || value === null) throw invalid('the state', 'an object', value);
  const fields = value as Readonly<Record<string, unknown>>;
  const updatedAt = time(fields, 'updatedAt');
  switch (fields.phase) {
    case 'closed':
      return { phase: 'closed', updatedAt };
    case 'open':
      return {
        phase: 'open',
        updatedAt,
        reopensAt: time(fields, 'reopensAt'),
        reason: text(fields, 'reason'),
        lastError: text(fields, 'lastError'),
      };
    case 'half-open': {
      const successes = fields.successes;
      if (typeof successes !== 'number' || !Number.isInteger(successes) || successes < 0) {
        throw invalid('successes', 'a whole number ≥ 0', successes);
      }
      const state: HalfOpenState = { phase: 'half-open', updatedAt, successes };
      return fields.probe === undefined ? state : { ...state, probe: parseProbe(fields.probe) };
    }
    default:
      throw invalid('phase', '"closed", "open" or "half-open"', fields.phase);
  }
}

function parseProbe(value: unknown): Probe {
  if (typeof value !== 'object' || value === null) throw invalid('probe', 'an object', value);
  const fields = value as Readonly<Record<string, unknown>>;
  return { id: text(fields, 'id'), expiresAt: time(fields, 'expiresAt') };
}

function time(fields: Readonly<Record<string, unknown>>, name: string): number {
  const value = fields[name];
  if (typeof value !== 'number' || !(value >= 0 && value <= LAST_TIME))
    throw invalid(name, 'milliseconds since 1970', value);
  return value;
}

function text(fields: Readonly<Record<string, unknown>>, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw invalid(name, 'a text', value);
  return value;
}

function invalid(name: string, expected: string, got: unknown): CircuitBreakerError {
  const shown = typeof got === 'string' ? JSON.stringify(got.slice(0, 80)) : String(got);
  return new CircuitBreakerError(
    'invalid-state',
    `A circuit state is damaged: ${name} must be ${expected}, got ${shown}. Delete it; a circuit without a state is closed.`,
  );
}
