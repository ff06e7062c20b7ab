import type { Finding } from './certificate/index.js';

/** Every code that a finding may have; `deep` ones only `inspect` can see. */
const codes = {
  'missing-commit': 'damage',
  'damaged-commit': 'damage',
  'edited-commit': 'damage',
  'broken-chain': 'damage',
  'commit-differs': 'damage',
  'missing-file-list': 'damage',
  'damaged-file-list': 'damage',
  'file-list-differs': 'damage',
  'missing-parquet': 'damage',
  'damaged-parquet': 'damage',
  'missing-quarantine': 'damage',
  'quarantine-without-raw': 'damage',
  'missing-evidence': 'damage',
  'damaged-evidence': 'damage',
  'edited-evidence': 'damage',
  'void-not-proven': 'damage',
  'void-open': 'notice',
  'floor-not-proven': 'damage',
  'condemned-raw': 'damage',
  'missing-raw': 'damage',
  'damaged-raw': 'damage',
  'foreign-object': 'notice',
  'damaged-checkpoint': 'damage',
  'checkpoint-differs': 'damage',
  'checkpoint-behind': 'notice',
  'row-without-raw': 'damage',
  'row-missing': 'damage',
  'row-unexpected': 'damage',
  'row-twice': 'damage',
  'row-differs': 'damage',
  'row-misplaced': 'damage',
  'columns-differ': 'damage',
  'quarantine-differs': 'damage',
  'young-void': 'damage',
} as const satisfies Record<string, Finding['severity']>;

export type FindingCode = keyof typeof codes;

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
    severity: codes[code],
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
