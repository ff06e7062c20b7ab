import type { Finding } from './certificate/index.js';
import { type FindingCode, findingOf, type Subject } from './findings.js';

/** Findings of one kind about one object that are told one by one; the rest is counted. */
export const MAX_SAMPLES = 10;

/** Findings about one object: the first few of each code, then how many more there are. */
export interface Samples {
  readonly add: (code: FindingCode, message: string | (() => string)) => void;
  readonly take: () => Finding[];
}

export function createSamples(subject: Subject): Samples {
  const kinds = new Map<FindingCode, { count: number; readonly first: Finding[] }>();
  return {
    add: (code, message) => {
      const kind = kinds.get(code) ?? { count: 0, first: [] };
      kinds.set(code, kind);
      kind.count += 1;
      if (kind.first.length >= MAX_SAMPLES) return;
      kind.first.push(findingOf(code, subject, typeof message === 'string' ? message : message()));
    },
    take: () =>
      [...kinds].flatMap(([code, { count, first }]) =>
        count > first.length
          ? [...first, findingOf(code, subject, `${subject.key}: and ${count - first.length} more of this kind`)]
          : first,
      ),
  };
}
