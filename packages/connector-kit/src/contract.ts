import type { ExchangeReply } from '@schemahub/core';

/** Asks a path below the base URL and takes whatever comes, errors too. Paced by the venue's limiter. */
export type AskRaw = (path: string) => Promise<ExchangeReply>;

/** One fact about a venue's API that our code relies on. */
export interface ContractFact {
  /** Short and stable: `after-exclusive`. */
  readonly name: string;
  /** The fact in a sentence. */
  readonly expected: string;
  /** What was seen instead, or undefined when the fact holds. Throws what the transport throws. */
  readonly check: (ask: AskRaw) => Promise<string | undefined>;
}

export interface ContractFinding {
  readonly name: string;
  readonly expected: string;
  readonly holds: boolean;
  /** What was seen instead; undefined when it holds. */
  readonly seen: string | undefined;
}

/** Checks facts one after the other: each asks little, and a venue must not be hurried by a check. */
export async function checkContract(facts: readonly ContractFact[], ask: AskRaw): Promise<readonly ContractFinding[]> {
  const findings: ContractFinding[] = [];
  for (const { name, expected, check } of facts) {
    const seen = await check(ask);
    findings.push({ name, expected, holds: seen === undefined, seen });
  }
  return findings;
}

/** The parsed body, or undefined when it is no JSON. */
export function looseJson(reply: ExchangeReply): unknown {
  try {
    return JSON.parse(Buffer.from(reply.body).toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

/** A reply in a few words, for what was seen. */
export function describeReply(reply: ExchangeReply): string {
  const text = Buffer.from(reply.body.subarray(0, 120)).toString('utf8').replaceAll(/\s+/g, ' ');
  return `HTTP ${reply.status} ${text}${reply.body.length > 120 ? '…' : ''}`;
}

/** Nothing where a fact holds, else what was seen. */
export function unless(holds: boolean, seen: string): string | undefined {
  return holds ? undefined : seen;
}

/** The first ids of a page, for what was seen. */
export function idsText(ids: readonly number[]): string {
  return `ids ${ids.slice(0, 5).join(', ')}${ids.length > 5 ? ' …' : ''}`;
}

/** A page of trades by a query on one product, or the sentence that it is none. */
export type AskPage<P> = (ask: AskRaw, product: string, query: string) => Promise<P | string>;

/** Turns a check of a page into a check of a fact: what is no page is told as it is. */
export function pageChecks<P>(pageOf: AskPage<P>) {
  return (
    product: string,
    query: string,
    judge: (page: P, ask: AskRaw) => string | undefined | Promise<string | undefined>,
  ): ContractFact['check'] =>
    async (ask) => {
      const page = await pageOf(ask, product, query);
      return typeof page === 'string' ? page : await judge(page, ask);
    };
}

/** Asks for a page twice; what was seen when the rows are not the same. */
export async function sameTwice(
  askPage: () => Promise<{ readonly rows: readonly unknown[] } | string>,
): Promise<string | undefined> {
  const first = await askPage();
  if (typeof first === 'string') return first;
  const second = await askPage();
  if (typeof second === 'string') return second;
  return unless(JSON.stringify(first.rows) === JSON.stringify(second.rows), 'other rows the second time');
}
