import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

/** The recordings lie beside the repository, not in it. */
const folder = fileURLToPath(new URL('../../../../../shared/data/coinbase/', import.meta.url));

/** Whether the recordings are there. */
export const hasRecordings: boolean = existsSync(folder);

/** One recorded HTTP exchange; `status` is null where the recording client timed out. */
export interface RecordedExchange {
  readonly request: { readonly method: string; readonly uri: string };
  readonly response: {
    readonly status: number | null;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  };
}

/** The bytes of a recording, unzipped. */
export function readRecording(path: string): Buffer {
  const bytes = readFileSync(folder + path);
  return path.endsWith('.gz') ? gunzipSync(bytes) : bytes;
}

export function readExchange(path: string): RecordedExchange {
  return JSON.parse(readRecording(path).toString('utf8')) as RecordedExchange;
}

export function readLines(path: string): readonly unknown[] {
  const lines = readRecording(path).toString('utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as unknown);
}
