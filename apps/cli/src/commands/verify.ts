import type { Certificate } from '@schemahub/audit/certificate';
import { type HeadReport, runVerify, type VerifyResult } from '@schemahub/runtime/audit';
import { openLake } from '@schemahub/runtime/lake';
import { type CommandRun, type Invocation, isSet } from '../command.js';
import { combineExitCodes, exitCodes } from '../exit-codes.js';
import { grouped, say, type TextColumn, textTable } from '../text-table.js';

const columns: readonly TextColumn[] = [
  { title: 'product' },
  { title: 'wanted', align: 'right' },
  { title: 'in table', align: 'right' },
  { title: 'void', align: 'right' },
  { title: 'quarant.', align: 'right' },
  { title: 'raw only', align: 'right' },
  { title: 'missing', align: 'right' },
  { title: 'proof' },
];
/** Narrow terminals and pipes: the certificate itself has the full words. */
const WIDTH = 80;
const SHOWN_FINDINGS = 50;

function tableOf({ products }: Certificate): string {
  const rows = products.map(({ product_id: id, wanted, account, proof, closed }) => [
    id,
    grouped(wanted.count),
    grouped(account.in_table.count),
    grouped(account.void.count),
    grouped(account.quarantined.count),
    grouped(account.raw_only.count),
    grouped(account.missing.count),
    closed === null ? proof : `${proof}, closed`,
  ]);
  return textTable(columns, rows, WIDTH);
}

function* detailsOf({ products }: Certificate): Generator<string> {
  for (const { product_id: id, unsettled, closed, unnumbered } of products) {
    if (unsettled.count > 0)
      yield `${id}: ${grouped(unsettled.count)} missing ids (${unsettled.ids.slice(0, 60)}) lie below trades too young to settle them; run repair in ten minutes`;
    if (closed !== null) yield `${id}: closed (${closed.status}): ${closed.note}`;
    if (unnumbered > 0) yield `${id}: ${grouped(unnumbered)} rows without an id are not in the table`;
  }
}

function* headLines(heads: readonly HeadReport[]): Generator<string> {
  for (const { product_id: id, head, beyond, error } of heads) {
    if (error !== null) yield `${id}: its head could not be asked: ${error}`;
    else if (head === null) yield `${id}: the exchange shows no trade`;
    else yield `${id}: the exchange is at ${head}, ${grouped(beyond)} ids beyond what the lake has seen`;
  }
}

function printFindings({ io, quiet }: Invocation, { findings }: Certificate): void {
  if (findings.length === 0) return;
  for (const { severity, code, message } of findings.slice(0, SHOWN_FINDINGS)) {
    if (severity === 'notice' && quiet) continue;
    io.err(`${io.style(severity === 'damage' ? 'red' : 'yellow', code)} ${message}\n`);
  }
  if (findings.length > SHOWN_FINDINGS)
    io.err(`and ${grouped(findings.length - SHOWN_FINDINGS)} more; all of them: schemahub verify --json\n`);
}

/** What to do next about what is not proven. */
function nextStep(certificate: Certificate): string {
  const codes = new Set(certificate.findings.filter(({ severity }) => severity === 'damage').map(({ code }) => code));
  const { missing, raw_only: rawOnly } = certificate.totals;
  const repaired = ['condemned-raw', 'missing-raw', 'row-without-raw', 'void-not-proven', 'young-void'];
  if (missing > 0 || repaired.some((code) => codes.has(code))) return 'schemahub repair';
  if (codes.has('damaged-raw')) return 'schemahub verify --deep, then schemahub repair';
  if (codes.size > 0) return 'see the findings above';
  return rawOnly > 0 ? 'schemahub transform' : 'schemahub verify';
}

function plural(count: number, one: string): string {
  return `${grouped(count)} ${one}${count === 1 ? '' : 's'}`;
}

/** The one line that says what is proven, and by which commit; `hashLength` characters of its hash (default: all 64). */
export function proofLine(certificate: Certificate, hashLength = 64): string {
  const { totals, commit, verdict, findings } = certificate;
  const where =
    commit === null ? 'no commit yet' : `commit ${commit.number}, sha256 ${commit.sha256.slice(0, hashLength)}`;
  const quarantined = totals.quarantined > 0 ? `, ${grouped(totals.quarantined)} quarantined` : '';
  const held =
    `${plural(totals.products, 'product')}, ${grouped(totals.in_table)} of ` +
    `${grouped(totals.wanted - totals.void)} wanted trades in the table, ${grouped(totals.void)} ids proven void${quarantined}, `;
  if (verdict === 'complete') return `PROVEN: ${held}0 missing (${where})`;
  const damaged = findings.filter(({ severity }) => severity === 'damage').length;
  const open = [
    `${grouped(totals.missing)} missing`,
    ...(totals.raw_only > 0 ? [`${grouped(totals.raw_only)} raw only`] : []),
    ...(damaged > 0 ? [plural(damaged, 'damage finding')] : []),
  ];
  return `NOT PROVEN: ${held}${open.join(', ')} (${where}); next: ${nextStep(certificate)}`;
}

function print(invocation: Invocation, result: VerifyResult): void {
  const { io, quiet } = invocation;
  const { certificate, heads, unknown, keptAt } = result;
  // A pipeline with --json keeps stdout for its own object.
  const out = invocation.flags.json === true ? io.err : (text: string) => say(io, text);
  out(tableOf(certificate));
  printFindings(invocation, certificate);
  for (const line of quiet ? [] : detailsOf(certificate)) io.err(`${line}\n`);
  for (const line of headLines(heads)) io.err(`${line}\n`);
  for (const productId of unknown) io.err(`${io.style('red', productId)}: the lake holds nothing of it\n`);
  if (keptAt !== undefined && !quiet) io.err(`certificate (${certificate.depth}): ${keptAt}\n`);
  out(`${io.style(certificate.verdict === 'complete' ? 'green' : 'red', proofLine(certificate))}\n`);
}

/** `verify`: the certificate; `--deep` from every byte. */
export const run: CommandRun = async (invocation) => {
  const { config, io, args } = invocation;
  const lake = await openLake({ config, clock: io.clock });
  let rows = 0;
  const result = await runVerify({
    lake,
    config,
    products: args.length === 0 ? undefined : args,
    deep: isSet(invocation, 'deep'),
    head: isSet(invocation, 'head'),
    write: !isSet(invocation, 'no-write') && !invocation.dryRun,
    stop: invocation.stop,
    onLine: (text) => {
      const isSettled = text.startsWith('[RATE_LIMITER] Initialized') && !invocation.verbose && io.log === undefined;
      if (!invocation.quiet && !isSettled) io.err(`${text}\n`);
    },
    onProgress: (progress) => {
      rows += progress.rows;
      if (invocation.verbose) io.err(`read ${progress.key}: ${grouped(rows)} rows so far\n`);
    },
  });
  const code = combineExitCodes(result.codes);
  if (invocation.json) {
    const { certificate, heads, unknown } = result;
    io.out(`${JSON.stringify(certificate)}\n`);
    for (const line of headLines(heads)) io.err(`${line}\n`);
    for (const productId of unknown) io.err(`${productId}: the lake holds nothing of it\n`);
    return code;
  }
  print(invocation, result);
  return invocation.stop.aborted ? exitCodes.interrupted : code;
};
