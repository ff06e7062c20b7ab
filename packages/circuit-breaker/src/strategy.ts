import { CircuitBreakerError } from './errors.js';

/** Counts results while the circuit is closed. One is made at each closing. */
export interface FailureCounter {
  readonly succeeded: (now: number) => void;
  /**
   * Says why the circuit must open now (`5 consecutive failures`), or undefined. `sameIncident`: the request had been sent
   * before the previous counted failure came back, so that both may have been hit by one blip.
   */
  readonly failed: (now: number, sameIncident: boolean) => string | undefined;
}

/** When a circuit opens. */
export interface FailureStrategy {
  readonly start: () => FailureCounter;
}

function refuse(name: string, expected: string, got: unknown): never {
  throw new CircuitBreakerError('invalid-option', `${name} must be ${expected}, got ${String(got)}.`);
}

/** Opens after so many failures without a success between them; a blip that hits many requests in flight counts once. Default 5. */
export function consecutiveFailures(failures = 5): FailureStrategy {
  if (!(Number.isInteger(failures) && failures >= 1))
    refuse('consecutiveFailures(failures)', 'a whole number ≥ 1', failures);
  return {
    start: () => {
      let count = 0;
      return {
        succeeded: () => {
          count = 0;
        },
        failed: (_now, sameIncident) => {
          if (!sameIncident) count += 1;
          return count >= failures ? `${count} consecutive failures` : undefined;
        },
      };
    },
  };
}

export interface FailureShareOptions {
  /** Opens when at least this share of the results are failures, above 0 and at most 1. */
  readonly share: number;
  /** Results older than this many ms are forgotten. Default 60,000. */
  readonly windowMs?: number | undefined;
  /** Never opens on fewer results than this. Default 20. */
  readonly minimumResults?: number | undefined;
}

/** The window is counted in so many slices: constant memory at any rate of requests. */
const SLICES = 20;

/** Opens when the share of failures in a sliding window is too high. Every failure counts: a share is no run. */
export function failureShare(options: FailureShareOptions): FailureStrategy {
  const { share, windowMs = 60_000, minimumResults = 20 } = options;
  if (!(share > 0 && share <= 1)) refuse('failureShare({ share })', 'above 0 and at most 1', share);
  if (!(Number.isFinite(windowMs) && windowMs >= SLICES))
    refuse('failureShare({ windowMs })', `a number ≥ ${SLICES}`, windowMs);
  if (!(Number.isInteger(minimumResults) && minimumResults >= 1)) {
    refuse('failureShare({ minimumResults })', 'a whole number ≥ 1', minimumResults);
  }
  const sliceMs = windowMs / SLICES;
  return {
    start: () => {
      let slices: { readonly from: number; results: number; failures: number }[] = [];

      function note(now: number, failure: number): void {
        // Slices from the future were counted before the clock was set back.
        slices = slices.filter(({ from }) => from <= now && now - from < windowMs);
        let last = slices.at(-1);
        if (last === undefined || now - last.from >= sliceMs) {
          last = { from: now, results: 0, failures: 0 };
          slices.push(last);
        }
        last.results += 1;
        last.failures += failure;
      }

      return {
        succeeded: (now) => note(now, 0),
        failed: (now) => {
          note(now, 1);
          const results = slices.reduce((sum, slice) => sum + slice.results, 0);
          const failures = slices.reduce((sum, slice) => sum + slice.failures, 0);
          if (results < minimumResults || failures < share * results) return undefined;
          return `${failures} failures among ${results} results within ${Math.round(windowMs / 1000)} s`;
        },
      };
    },
  };
}
