import { refuse } from './errors.js';
import { createRandom, hashText, mix, type Random } from './random.js';

/** How one request goes wrong. A fault that cannot apply (a row fault on a reply without rows) does nothing and is not counted. */
export type Fault =
  /** An error status; as the exchange's JSON, the CDN's HTML, or the maintenance notice. Default JSON. */
  | { readonly kind: 'status'; readonly status: number; readonly body?: 'json' | 'html' | 'maintenance' | undefined }
  /** The connection breaks before any byte of the reply. */
  | { readonly kind: 'no-reply' }
  /** The connection is reset after `afterBytes` of the body (default: half). */
  | { readonly kind: 'reset'; readonly afterBytes?: number | undefined }
  /** Status 200, headers that agree, but the JSON stops in the middle. */
  | { readonly kind: 'truncated' }
  /** content-length is wrong by `by` bytes: positive promises more than comes, negative cuts the body. Default +64. */
  | { readonly kind: 'content-length'; readonly by?: number | undefined }
  /** The headers (default) or the second half of the body come `delayMs` late (default 60,000). */
  | { readonly kind: 'slow'; readonly delayMs?: number | undefined; readonly at?: 'headers' | 'body' | undefined }
  /** Only the newest `keep` rows of the page (default: half). */
  | { readonly kind: 'short-page'; readonly keep?: number | undefined }
  /** `[]` where there are trades. */
  | { readonly kind: 'empty-page' }
  /** The page lacks its middle row (pages of 3 rows and more). */
  | { readonly kind: 'missing-row' }
  | { readonly kind: 'duplicate-rows' }
  | { readonly kind: 'unsorted-rows' }
  /** A page without cursor, or a ticker, as it was `lagMs` ago (default 6000). */
  | { readonly kind: 'stale-head'; readonly lagMs?: number | undefined }
  /** A page with a cursor as it was `lagMs` ago (default 6000). */
  | { readonly kind: 'lagging-replica'; readonly lagMs?: number | undefined }
  /** `"trade_id":"123"`. */
  | { readonly kind: 'text-ids' }
  /** Times cut to whole seconds. */
  | { readonly kind: 'stripped-fractions' };

export type FaultKind = Fault['kind'];

/** Every kind, in the order in which seeded faults draw them. */
export const faultKinds: readonly FaultKind[] = [
  'status',
  'no-reply',
  'reset',
  'truncated',
  'content-length',
  'slow',
  'short-page',
  'empty-page',
  'missing-row',
  'duplicate-rows',
  'unsorted-rows',
  'stale-head',
  'lagging-replica',
  'text-ids',
  'stripped-fractions',
];

/** Seeded faults. */
export interface FaultOptions {
  /** Share of requests that go wrong, 0 to 1. */
  readonly share: number;
  /** Kinds to draw from, all alike likely. Default: all. */
  readonly kinds?: readonly FaultKind[] | undefined;
}

/** A scripted fault for a request (numbered from 0 in order of arrival), or undefined to let it pass. It goes before seeded faults. */
export type FaultScript = (requestIndex: number, url: string) => Fault | undefined;

const serverErrors = [500, 502, 503, 520];

function drawFault(kind: FaultKind, random: Random): Fault {
  if (kind === 'status') {
    const status = serverErrors[Math.floor(random() * serverErrors.length)]!;
    return { kind, status, body: random() < 0.5 ? 'json' : 'html' };
  }
  if (kind === 'slow') return { kind, at: random() < 0.5 ? 'headers' : 'body' };
  if (kind === 'content-length') return { kind, by: random() < 0.5 ? 64 : -64 };
  return { kind };
}

/** The fault of request n: a function of the seed and n. */
export function createFaultPlan(
  seed: string,
  options: FaultOptions | undefined,
): (requestIndex: number) => Fault | undefined {
  if (options === undefined) return () => undefined;
  const kinds = options.kinds ?? faultKinds;
  if (!(options.share >= 0 && options.share <= 1)) {
    refuse('faults.share', 'a number from 0 to 1', options.share, 'Use 0.05 for one request in twenty.');
  }
  const unknown = kinds.find((kind) => !faultKinds.includes(kind));
  if (kinds.length === 0 || unknown !== undefined) {
    refuse('faults.kinds', `some of ${faultKinds.join(', ')}`, unknown ?? '[]', 'Leave it out to draw from all.');
  }
  const base = hashText(`${seed}/faults`);
  return (requestIndex) => {
    const random = createRandom(mix(base, requestIndex));
    if (random() >= options.share) return undefined;
    return drawFault(kinds[Math.floor(random() * kinds.length)]!, random);
  };
}
