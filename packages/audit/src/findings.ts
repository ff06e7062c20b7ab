import type { Finding } from './certificate/index.js';

/** Every code that a finding may have; `deep` ones only `inspect` can see. */
export type FindingCode =
  | 'missing-commit'
  | 'damaged-commit'
  | 'edited-commit'
  | 'broken-chain'
  | 'commit-differs'
  | 'missing-file-list'
  | 'damaged-file-list'
  | 'file-list-differs'
  | 'missing-parquet'
  | 'damaged-parquet'
  | 'missing-quarantine'
  | 'quarantine-without-raw'
  | 'missing-evidence'
  | 'damaged-evidence'
  | 'edited-evidence'
  | 'void-not-proven'
  | 'void-open'
  | 'floor-not-proven'
  | 'condemned-raw'
  | 'missing-raw'
  | 'damaged-raw'
  | 'foreign-object'
  | 'damaged-checkpoint'
  | 'checkpoint-differs'
  | 'checkpoint-behind'
  | 'row-without-raw'
  | 'row-missing'
  | 'row-unexpected'
  | 'row-twice'
  | 'row-differs'
  | 'row-misplaced'
  | 'columns-differ'
  | 'quarantine-differs'
  | 'young-void';

/** Everything else is damage. */
const NOTICES: ReadonlySet<FindingCode> = new Set<FindingCode>(['void-open', 'foreign-object', 'checkpoint-behind']);

/** Only reading every byte finds these: a light verification of the same objects repeats them, it cannot refute them. */
const DEEP_CODES: ReadonlySet<string> = new Set<FindingCode>([
  'damaged-raw',
  'damaged-parquet',
  'row-missing',
  'row-unexpected',
  'row-twice',
  'row-differs',
  'row-misplaced',
  'columns-differ',
  'quarantine-differs',
  'young-void',
]);

export function isDeepFinding(finding: Finding): boolean {
  return DEEP_CODES.has(finding.code);
}

/** What a finding is about. */
export interface Subject {
  readonly exchange?: string | undefined;
  readonly productId?: string | undefined;
  readonly key?: string | undefined;
}

export function findingOf(code: FindingCode, subject: Subject, message: string): Finding {
  return {
    code,
    severity: NOTICES.has(code) ? 'notice' : 'damage',
    exchange: subject.exchange ?? null,
    product_id: subject.productId ?? null,
    key: subject.key ?? null,
    message,
  };
}

function orderText(finding: Finding): string {
  const { severity, exchange, product_id: product, code, key, message } = finding;
  return [severity, exchange ?? '', product ?? '', code, key ?? '', message].join('\u0000');
}

/** Damage first, then by product, code and object; each finding once: the same lake gives the same list. */
export function sortFindings(findings: Iterable<Finding>): Finding[] {
  const byText = new Map<string, Finding>();
  for (const finding of findings) byText.set(orderText(finding), finding);
  return [...byText.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, finding]) => finding);
}

const SHOWN_CHARACTERS = 120;

/** Ids for a sentence: `3 ids (5-6,9)`, long lists cut. */
export function idsText(ids: { readonly count: number; readonly toString: () => string }): string {
  const text = ids.toString();
  const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
  return `${ids.count} ${ids.count === 1 ? 'id' : 'ids'} (${shown})`;
}
