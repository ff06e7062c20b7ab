import { readFile } from 'node:fs/promises';
import { tradesUnified } from '@schemahub/core';
import { openDuckdb } from '@schemahub/query/duckdb';

export interface Question {
  readonly name: string;
  readonly sql: string;
}

export interface Asked {
  /** CPU seconds: opening the snapshot's files as `schemahub query` does, and the query. */
  readonly cpu: number;
  readonly wall: number;
  /** MB that the process read from files. */
  readonly read: number;
  readonly rows: number;
  /** All values as text, to compare answers; numbers to ten digits, because sums depend on the order of rows. */
  readonly answer: string;
}

/** Bytes that this process has read; 0 where the system does not tell. */
async function bytesRead(): Promise<number> {
  const text = await readFile('/proc/self/io', 'utf8').catch(() => '');
  return Number(/rchar: (\d+)/.exec(text)?.[1] ?? 0);
}

function comparable(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  return typeof value === 'number' ? Number(value.toPrecision(10)) : value;
}

/** Asks once with an engine of its own, so that nothing is cached but by the system. */
export async function ask(files: readonly string[], { sql }: Question): Promise<Asked> {
  const [start, before, readBefore] = [performance.now(), process.cpuUsage(), await bytesRead()];
  const engine = await openDuckdb({ table: { files, columns: tradesUnified.columns } });
  try {
    const result = await engine.run(sql);
    let answer = '';
    for await (const rows of result.rows) {
      answer += JSON.stringify(rows, (_, value) => comparable(value));
    }
    const { user, system } = process.cpuUsage(before);
    const read = ((await bytesRead()) - readBefore) / 1e6;
    return {
      cpu: (user + system) / 1e6,
      wall: (performance.now() - start) / 1000,
      read,
      rows: result.rowCount,
      answer,
    };
  } finally {
    await engine.close();
  }
}
