import { inputOf } from './mutate.js';
import type { Target } from './targets.js';

/** An input that did what no input may do. */
export interface Finding {
  readonly n: number;
  readonly what: string;
  readonly bytes: Uint8Array;
}

export interface FuzzResult {
  readonly inputs: number;
  /** Inputs that were refused with a sentence, and how many different sentences began in how many ways. */
  readonly refused: number;
  readonly findings: readonly Finding[];
}

export interface FuzzOptions {
  readonly target: Target;
  readonly corpus: readonly Uint8Array[];
  readonly seed: number;
  readonly from: number;
  readonly inputs: number;
  /** For hangs: ms of this computer's clock. */
  readonly now: () => number;
  readonly maxFindings?: number | undefined;
}

/** One input of at most 64 KiB takes micro- or milliseconds; this long is a hang in the making. */
const HANG_MS = 3000;

function judge(target: Target, error: unknown): string | undefined {
  if (!(error instanceof Error)) return `threw ${typeof error}, no error`;
  if (!target.errors.includes(error.name)) return `${error.name}: ${error.message}\n${error.stack ?? ''}`;
  if (error.message.length < 10) return `${error.name} without a sentence: ${JSON.stringify(error.message)}`;
  if (error.message.length > 20_000) return `${error.name} with ${error.message.length} characters`;
  return undefined;
}

/** Feeds inputs `from` … `from + inputs − 1` of a corpus to a parser. Input 0 … are the samples as they are, then changed ones. */
export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const { target, corpus, seed, now, maxFindings = 5 } = options;
  const findings: Finding[] = [];
  let refused = 0;
  for (let n = options.from; n < options.from + options.inputs; n++) {
    const bytes = corpus[n] ?? inputOf(corpus, seed, n);
    const begun = now();
    let what: string | undefined;
    try {
      const result = target.run(bytes);
      if (result instanceof Promise) await result;
    } catch (error) {
      refused++;
      what = judge(target, error);
    }
    const took = now() - begun;
    if (took > HANG_MS) what ??= `took ${Math.round(took)} ms for ${bytes.length} bytes`;
    if (what !== undefined) findings.push({ n, what, bytes });
    if (findings.length >= maxFindings) break;
  }
  return { inputs: options.inputs, refused, findings };
}
