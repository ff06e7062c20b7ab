import { failureOf } from './s3-failure.js';

/** Waiting between tries: exponential with full jitter, from 100 ms to 10 s at most. */
export interface S3Retry {
  readonly maxAttempts: number;
  readonly sleep: (ms: number) => Promise<void>;
  /** 0 … 1. */
  readonly random: () => number;
}

const FIRST_MS = 100;
const LONGEST_MS = 10_000;

async function backOff({ sleep, random }: S3Retry, attempt: number): Promise<void> {
  await sleep(random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt));
}

/** Tries something that may be done twice without harm. Throws the last error. */
export async function retried<T>(retry: S3Retry, run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      const failure = failureOf(error);
      const again = failure === 'unsure' || failure === 'undecided' || (failure === 'skew' && attempt === 1);
      if (!again || attempt >= retry.maxAttempts) throw error;
      await backOff(retry, attempt - 1);
    }
  }
}

/**
 * One conditional write, settled. The time line of a lost answer:
 *
 *   put ──(time-out, reset, 5xx: unsure)──▶ put again ──▶ 412 ──▶ does the object carry our write id? ours : theirs
 *                                                     └──▶ 200: the first one had not landed
 *   put ──▶ 409: nothing was written, ask again
 *
 * A write that is still on its way when the next one is sent carries the same condition: at most one of them lands.
 */
export async function settled<T>(
  retry: S3Retry,
  steps: {
    readonly write: () => Promise<T>;
    /** The object as it is now, if this write made it. */
    readonly mine: () => Promise<T | undefined>;
  },
): Promise<T | 'refused'> {
  let isUnsure = false;
  for (let attempt = 1; ; attempt++) {
    try {
      return await steps.write();
    } catch (error) {
      const failure = failureOf(error);
      if (failure === 'precondition' || failure === 'absent')
        return isUnsure ? ((await steps.mine()) ?? 'refused') : 'refused';
      const wasUnsure = failure === 'unsure';
      isUnsure ||= wasUnsure;
      const again = wasUnsure || failure === 'undecided' || (failure === 'skew' && attempt === 1);
      if (again && attempt < retry.maxAttempts) {
        await backOff(retry, attempt - 1);
        continue;
      }
      // The last word of the store, if it can still be had.
      const landed = isUnsure ? await steps.mine().catch(() => undefined) : undefined;
      if (landed !== undefined) return landed;
      throw error;
    }
  }
}
