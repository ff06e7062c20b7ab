/** Exit codes of SPEC 4. */
export const exitCodes = {
  complete: 0,
  error: 1,
  usage: 2,
  incomplete: 3,
  /** Verification failed, conflict, quarantine in this run, or damage. */
  damage: 4,
  /** Nothing could be claimed: all held by another run. */
  held: 5,
  /** The exchange is unavailable; run again later. */
  unavailable: 6,
  interrupted: 130,
  terminated: 143,
} as const;

/** What wins when several apply, first wins. */
export const PRECEDENCE: readonly number[] = [130, 143, 2, 1, 4, 6, 3, 5, 0];

/** The one code that a run ends with. */
export function combineExitCodes(codes: Iterable<number>): number {
  const present = new Set(codes);
  return PRECEDENCE.find((code) => present.has(code)) ?? 0;
}
