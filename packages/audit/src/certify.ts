import type { RangeSet } from '@schemahub/coverage';
import { digestOfRawNames, type EvidenceRequest } from '@schemahub/lake';
import type {
  Certificate,
  CertificateProbe,
  CertificateProduct,
  CountedIds,
  Depth,
  Finding,
} from './certificate/index.js';
import { accountParts, verdictOf } from './certificate/parse-certificate.js';
import { type CheckedProduct, checkProduct } from './check-product.js';
import { isDeepFinding, sortFindings } from './findings.js';
import type { AuditProduct } from './read-product.js';
import type { AuditTable } from './read-table.js';

export interface CertifyOptions {
  /** The latest commit, as `readTable` read it. */
  readonly table: AuditTable;
  /** Every product that it is to be about, as `readProduct` read them. */
  readonly products: readonly AuditProduct[];
  /** Milliseconds since 1970. */
  readonly now: number;
  /** What `inspect` found; absent when it did not run. */
  readonly inspected?: readonly Finding[] | undefined;
}

function counted(ids: RangeSet): CountedIds {
  return { count: ids.count, ids: ids.toString() };
}

function probeOf(request: EvidenceRequest): CertificateProbe {
  return {
    request: request.request,
    ids: [...request.ids],
    date: request.date,
    fresh_connection: request.fresh_connection === true,
  };
}

function closedOf({ evidence }: AuditProduct): CertificateProduct['closed'] {
  const { closed, head } = evidence;
  if (closed === undefined) return null;
  const until = head?.seenAt ?? closed.seenAt;
  return { status: closed.status, seen_at: closed.seenAt, note: `nothing is known after ${until}` };
}

function rawOf({ rawNames, rawIds }: AuditProduct): CertificateProduct['raw'] {
  return {
    rows: rawNames.reduce((sum, { count }) => sum + count, 0),
    ids: counted(rawIds),
    digest: digestOfRawNames(rawNames),
    objects: rawNames.map(({ key, first, last, count, revision }) => ({ key, first, last, count, revision })),
  };
}

function tableOf({ list }: CheckedProduct): CertificateProduct['table'] {
  const files = list?.files ?? [];
  return {
    rows: files.reduce((sum, { rows }) => sum + rows, 0),
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    files: files.map(({ path, rows, bytes, sha256, ids }) => ({ path, rows, bytes, sha256, ids: ids.toString() })),
  };
}

function describe(checked: CheckedProduct, findings: readonly Finding[]): CertificateProduct {
  const { product, list, account, floor, voidRuns } = checked;
  const { exchange, productId, evidence } = product;
  const own = findings.filter((finding) => finding.exchange === exchange && finding.product_id === productId);
  return {
    exchange,
    product_id: productId,
    symbol: evidence.symbol ?? list?.symbol ?? null,
    origin: evidence.origin ?? null,
    proof: product.proof,
    verdict: verdictOf(account.missing.count + account.rawOnly.count, own),
    asked: evidence.asked.toString(),
    anchor: evidence.anchor ?? null,
    floor: floor === undefined ? null : { id: floor, requests: evidence.floorRequests.map(probeOf) },
    head: evidence.head === undefined ? null : { id: evidence.head.id, seen_at: evidence.head.seenAt },
    closed: closedOf(product),
    wanted: counted(account.wanted),
    account: {
      in_table: counted(account.inTable),
      void: counted(account.void),
      quarantined: counted(account.quarantined),
      raw_only: counted(account.rawOnly),
      missing: counted(account.missing),
    },
    unsettled: counted(product.unsettled.intersect(account.missing)),
    void_runs: voidRuns.map(({ first, last, lower, upper, probes }) => ({
      first,
      last,
      lower,
      upper,
      probes: probes.map(probeOf),
    })),
    epoch: evidence.condemned.size,
    condemned: [...evidence.condemned].map(([key, reason]) => ({ key, reason })),
    unnumbered: evidence.unnumbered + product.unnumbered,
    raw: rawOf(product),
    table: tableOf(checked),
  };
}

/** Findings of the last deep verification about objects that are still there: only a deep one can take them back. */
function stillFound(table: AuditTable, checked: readonly CheckedProduct[]): Finding[] {
  const keys = new Set<string | null>(table.commit?.quarantine);
  for (const { product, list } of checked) {
    for (const { key } of product.rawNames) keys.add(key);
    for (const key of product.voidKeys.values()) keys.add(key);
    for (const { path } of list?.files ?? []) keys.add(path);
  }
  return (table.previous?.findings ?? []).filter((finding) => isDeepFinding(finding) && keys.has(finding.key));
}

/**
 * The certificate: every wanted id of every product in exactly one part of the account, and everything that is not as it
 * should be. Pure; the same lake gives the same certificate but for its time.
 */
export function certify(options: CertifyOptions): Certificate {
  const { table, products, inspected } = options;
  const checked = products.map((product) => checkProduct(product, table));
  const depth: Depth = inspected === undefined ? 'names' : 'deep';
  const findings = sortFindings([
    ...table.findings,
    ...checked.flatMap((one) => one.findings),
    ...(inspected ?? stillFound(table, checked)),
  ]);
  const described = checked.map((one) => describe(one, findings));
  const sum = (of: (product: CertificateProduct) => number): number => described.reduce((all, one) => all + of(one), 0);
  const parts = accountParts.map((part) => [part, sum(({ account }) => account[part].count)] as const);
  const totals = {
    products: described.length,
    wanted: sum(({ wanted }) => wanted.count),
    ...(Object.fromEntries(parts) as Record<(typeof accountParts)[number], number>),
  };
  const { commit, number, sha256 } = table;
  return {
    version: 1,
    verdict: verdictOf(totals.missing + totals.raw_only, findings),
    commit: number === 0 || sha256 === undefined ? null : { number, sha256, time: commit?.time ?? null },
    table_version: commit?.table_version ?? null,
    schema_hash: commit?.schema_hash ?? null,
    mapping_hashes: { ...commit?.mapping_hashes },
    verified_at: new Date(options.now).toISOString(),
    depth,
    totals,
    products: described,
    findings,
  };
}

/** Exit code of SPEC 4: 4 for damage, 3 for ids that are missing or raw only, else 0. */
export function exitCodeOf({ verdict }: Pick<Certificate, 'verdict'>): 0 | 3 | 4 {
  return verdict === 'damaged' ? 4 : verdict === 'incomplete' ? 3 : 0;
}

/** A certificate without what every verification changes. */
function lasting({ verified_at: _time, depth: _depth, ...rest }: Certificate): string {
  return JSON.stringify(rest);
}

/**
 * Whether a new certificate takes the place of the stored one. The same facts keep the stored bytes, unless the new one
 * looked deeper; a certificate of another body of the same commit is evidence of an edit and is never replaced.
 */
export function replaces(next: Certificate, stored: Certificate | undefined): boolean {
  if (stored === undefined) return true;
  if (stored.commit?.sha256 !== next.commit?.sha256) return false;
  if (lasting(stored) !== lasting(next)) return true;
  return stored.depth === 'names' && next.depth === 'deep';
}
