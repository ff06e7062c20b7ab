import { lambdaBody, type QualityResult } from '@schemahub/data-quality';
import type { Layout } from '@schemahub/lake';
import type { ObjectStore } from '@schemahub/object-store';
import type { QueryEngine } from '@schemahub/query';
import { type Certificates, readCertificates } from '@schemahub/runtime/certificates';
import { certifiedFacts, qualityMetrics, type TableMetric } from '@schemahub/runtime/quality-metrics';
import { judgeTable } from './judge-table.js';

/** What the function works with; `index.ts` takes it from the environment. */
export interface HandlerParts {
  readonly engine: QueryEngine;
  readonly store: ObjectStore;
  readonly layout: Layout;
  /** Ms since 1970. */
  readonly now: () => number;
  readonly staleMinutes: number;
  readonly publish: (metrics: readonly TableMetric[]) => Promise<void>;
  /** Sends a message to the people who are on call. */
  readonly tell: (message: { readonly subject: string; readonly text: string }) => Promise<void>;
}

export interface QualityEvent {
  /** Looks at every row instead of those of the last seven days. */
  readonly full?: boolean;
}

export interface QualityResponse {
  readonly statusCode: 200;
  readonly body: string;
}

function certificateFacts({ newest, ageMinutes }: Certificates) {
  return {
    commit: newest.commit?.number ?? null,
    verified_at: newest.verified_at,
    age_minutes: Math.round(ageMinutes),
    verdict: newest.verdict,
  };
}

function messageOf(result: QualityResult, certificates: Certificates): { subject: string; text: string } {
  const score = Math.round(result.score * 10) / 10;
  const { commit, age_minutes, verdict } = certificateFacts(certificates);
  const lines = result.deductions.map(
    ({ points, reason, remedy }) => `- ${Math.round(points * 10) / 10} points: ${reason}.\n  Remedy: ${remedy}`,
  );
  const failed = result.findings.filter(({ ok }) => ok === false).map(({ check, count }) => `${check} (${count})`);
  return {
    subject: `SchemaHub: health score ${score} of 100 (${result.grade})`,
    text: [
      `The table's health score is ${score} of 100: ${result.grade}.`,
      ...lines,
      `Checks that failed: ${failed.join(', ')}.`,
      `${result.summary.totalRecords} records, ${result.summary.dailyRecords} of the last 24 hours.`,
      `Missing and void are those of the certificate of commit ${commit ?? 'none'}, ${age_minutes} minutes old (${verdict}).`,
    ].join('\n'),
  };
}

/** Judges the table. An error anywhere is an error of the invocation: a score is never made from what was not measured. */
export function createHandler(open: () => HandlerParts): (event?: QualityEvent) => Promise<QualityResponse> {
  let parts: HandlerParts | undefined;
  return async (event = {}) => {
    parts ??= open();
    const { engine, store, layout, staleMinutes, now, publish, tell } = parts;
    const nowMs = Math.floor(now());
    const certificates = await readCertificates({ store, layout, nowMs });
    const result = await judgeTable({ engine, certificates, nowMs, staleMinutes, full: event.full === true });
    const body = lambdaBody(result);
    const metrics = qualityMetrics(result, certifiedFacts(certificates));
    // A mail that could not be sent must not keep the metrics back, nor the other way round.
    const sent = await Promise.allSettled([
      publish(metrics),
      result.grade === 'healthy' ? Promise.resolve() : tell(messageOf(result, certificates)),
    ]);
    for (const one of sent) if (one.status === 'rejected') throw one.reason;
    const details = { ...body.details, certificate: certificateFacts(certificates) };
    return { statusCode: 200, body: JSON.stringify({ ...body, details }) };
  };
}
