import { RangeSet } from '@schemahub/coverage';
import type { Certificate, CertificateProduct, CountedIds, Finding, Verdict } from './certificate.js';
import { certificateShape } from './certificate-shape.js';
import { CertificateError } from './errors.js';
import { judgeFloor, judgeVoidRun } from './proof.js';

/** Names of the five parts of an account. */
export const accountParts = ['in_table', 'void', 'quarantined', 'raw_only', 'missing'] as const;

function contradiction(member: string, problem: string): CertificateError {
  return new CertificateError(
    member,
    `certificate: ${member}: ${problem}. It was edited or is damaged: make it again with: schemahub verify`,
  );
}

function idsOf(text: string, member: string): RangeSet {
  try {
    return RangeSet.parse(text);
  } catch (error) {
    throw contradiction(member, (error as Error).message);
  }
}

function counted({ count, ids }: CountedIds, member: string): RangeSet {
  const set = idsOf(ids, `${member}.ids`);
  if (set.count !== count) throw contradiction(member, `count is ${count}, its ids are ${set.count}`);
  return set;
}

/** The five parts divide what is wanted: each id is in exactly one of them. */
function checkAccount(product: CertificateProduct, member: string): void {
  let all = RangeSet.empty;
  let sum = 0;
  for (const part of accountParts) {
    const set = counted(product.account[part], `${member}.account.${part}`);
    all = all.union(set);
    sum += set.count;
  }
  const wanted = counted(product.wanted, `${member}.wanted`);
  if (sum !== all.count) throw contradiction(`${member}.account`, 'an id is in two parts of the account');
  if (!all.equals(wanted)) throw contradiction(`${member}.account`, 'its parts are not exactly the wanted ids');
  const { asked, floor, head } = product;
  const bounds = head === null ? RangeSet.empty : idsOf(asked, `${member}.asked`).clip(floor?.id ?? 0, head.id);
  if (!wanted.equals(bounds))
    throw contradiction(`${member}.wanted`, 'it is not what was asked between floor and head');
}

function checkEvidence(product: CertificateProduct, member: string): void {
  for (const [at, run] of product.void_runs.entries()) {
    const problem = judgeVoidRun(run);
    if (problem !== undefined) throw contradiction(`${member}.void_runs[${at}]`, `it proves nothing: ${problem}`);
  }
  const proven = RangeSet.fromRanges(product.void_runs);
  const unproven = RangeSet.parse(product.account.void.ids).difference(proven);
  if (!unproven.isEmpty) throw contradiction(`${member}.account.void`, `no run attests ${unproven}`);
  const problem = product.floor === null ? undefined : judgeFloor(product.floor.id, product.floor.requests);
  if (problem !== undefined) throw contradiction(`${member}.floor`, problem);
}

function checkObjects(product: CertificateProduct, member: string): void {
  const raw = counted(product.raw.ids, `${member}.raw.ids`);
  const rows = product.raw.objects.reduce((sum, { count }) => sum + count, 0);
  if (rows !== product.raw.rows) throw contradiction(`${member}.raw.rows`, `its objects have ${rows}`);
  let ids = RangeSet.empty;
  for (const [at, file] of product.table.files.entries()) {
    const own = idsOf(file.ids, `${member}.table.files[${at}].ids`);
    if (own.count !== file.rows) throw contradiction(`${member}.table.files[${at}].rows`, `its ids are ${own.count}`);
    ids = ids.union(own);
  }
  const { in_table: inTable, raw_only: rawOnly } = product.account;
  if (!RangeSet.parse(inTable.ids).difference(ids).isEmpty)
    throw contradiction(`${member}.account.in_table`, 'it counts ids that no file holds');
  if (!RangeSet.parse(rawOnly.ids).difference(raw).isEmpty)
    throw contradiction(`${member}.account.raw_only`, 'it counts ids that no raw object holds');
  counted(product.unsettled, `${member}.unsettled`);
}

/** What an account and findings amount to. */
export function verdictOf(open: number, findings: readonly Finding[]): Verdict {
  if (findings.some(({ severity }) => severity === 'damage')) return 'damaged';
  return open > 0 ? 'incomplete' : 'complete';
}

function openOf({ missing, raw_only }: { missing: number; raw_only: number }): number {
  return missing + raw_only;
}

function checkTotals(certificate: Certificate): void {
  const { products, totals, findings } = certificate;
  if (totals.products !== products.length) throw contradiction('totals.products', `there are ${products.length}`);
  const sum = (of: (product: CertificateProduct) => number): number => products.reduce((all, one) => all + of(one), 0);
  if (totals.wanted !== sum(({ wanted }) => wanted.count)) throw contradiction('totals.wanted', 'it is not the sum');
  for (const part of accountParts) {
    if (totals[part] !== sum(({ account }) => account[part].count))
      throw contradiction(`totals.${part}`, 'it is not the sum of the products');
  }
  for (const [at, { account, exchange, product_id: id, verdict }] of products.entries()) {
    const own = findings.filter((finding) => finding.exchange === exchange && finding.product_id === id);
    const open = openOf({ missing: account.missing.count, raw_only: account.raw_only.count });
    if (verdict !== verdictOf(open, own))
      throw contradiction(`products[${at}].verdict`, 'it does not follow from the account and the findings');
  }
  if (certificate.verdict !== verdictOf(openOf(totals), findings))
    throw contradiction('verdict', 'it does not follow from the totals and the findings');
}

/**
 * Reads a certificate and checks that it holds: its form, that every wanted id is in exactly one part of the account,
 * that the evidence proves the voids, that sums and verdicts follow. Throws `CertificateError` that names the member.
 */
export function parseCertificate(value: unknown): Certificate {
  certificateShape.check(value, '');
  const certificate = value as Certificate;
  for (const [at, product] of certificate.products.entries()) {
    const member = `products[${at}]`;
    checkAccount(product, member);
    checkEvidence(product, member);
    checkObjects(product, member);
  }
  checkTotals(certificate);
  return certificate;
}
