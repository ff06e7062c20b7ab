import type { Certificate } from '@schemahub/audit';
import type { Io } from './io.js';
import { grouped } from './text-table.js';

/** What a certificate comes down to, in one line; `next` is the command that helps when it is not complete. */
export function proofLine(io: Pick<Io, 'style'>, certificate: Certificate, next: string): string {
  const { totals, verdict, commit } = certificate;
  const where = commit === null ? 'no commit' : `commit ${commit.number}, sha256 ${commit.sha256.slice(0, 12)}…`;
  const parts = [
    `${grouped(totals.in_table)} of ${grouped(totals.wanted)} wanted ids in the table`,
    `${grouped(totals.void)} proven void`,
    ...(totals.quarantined > 0 ? [`${grouped(totals.quarantined)} quarantined`] : []),
    ...(totals.raw_only > 0 ? [`${grouped(totals.raw_only)} raw only`] : []),
    `${grouped(totals.missing)} missing`,
  ];
  const title =
    verdict === 'complete'
      ? io.style('green', 'PROVEN')
      : io.style('red', verdict === 'damaged' ? 'DAMAGED' : 'NOT PROVEN');
  const help = verdict === 'complete' ? '' : `. Next: ${next}`;
  return `${title}: ${totals.products} products, ${parts.join(', ')} (${where})${help}\n`;
}
