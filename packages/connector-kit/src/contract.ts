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
