import type { CertificateProbe } from './certificate.js';

/** Two answers must be this far apart, by the exchange's clock: a lagging replica must not answer twice. */
const PROBE_APART_MS = 5000;
/** The trade above a hole must be this old when the first answer was given. */
export const SETTLED_AGE_MS: number = 10 * 60_000;

/** Probes as evidence keeps them; `fresh_connection` may be absent there. */
export type ProbeLike = Omit<CertificateProbe, 'fresh_connection'> & {
  readonly fresh_connection?: boolean | undefined;
};

function apart(probes: readonly ProbeLike[]): string | undefined {
  const dates = probes.map(({ date }) => (date === null ? Number.NaN : Date.parse(date)));
  if (dates.some(Number.isNaN)) return 'an answer has no Date';
  return dates[1]! - dates[0]! >= PROBE_APART_MS
    ? undefined
    : `its answers are ${(dates[1]! - dates[0]!) / 1000} s apart by the exchange's clock, expected at least 5 s`;
}

/**
 * Why the probes of a run do not prove that nothing is between its neighbours; undefined when they do: exactly two
 * answers {upper, lower}, the first over a fresh connection, at least 5 s apart (SPEC 2, void).
 */
export function judgeVoidRun(run: {
  readonly first: number;
  readonly last: number;
  readonly lower: number;
  readonly upper: number;
  readonly probes: readonly ProbeLike[];
}): string | undefined {
  const { first, last, lower, upper, probes } = run;
  if (lower !== first - 1 || upper !== last + 1 || first > last) return 'it is not between two neighbours';
  if (probes.length !== 2) return `it has ${probes.length} answers, expected 2`;
  const odd = probes.find(({ ids }) => ids.length !== 2 || ids[0] !== upper || ids[1] !== lower);
  if (odd !== undefined) return `an answer was {${odd.ids.join(', ')}}, expected {${upper}, ${lower}}`;
  if (probes[0]!.fresh_connection !== true) return 'its first answer did not come over a fresh connection';
  return apart(probes);
}

/** Why requests do not prove a floor; undefined when they do: it is 0, or the last two answers below it were empty. */
export function judgeFloor(id: number, requests: readonly ProbeLike[]): string | undefined {
  if (id === 0) return undefined;
  const last = requests.slice(-2);
  if (last.length < 2 || last.some(({ ids }) => ids.length > 0)) return 'its last two answers are not both empty';
  return apart(last);
}
