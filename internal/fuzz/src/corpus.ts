import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The committed samples of a parser, in the order of their names. */
export function readCorpus(folder: string, target: string): Uint8Array[] {
  const names = readdirSync(join(folder, target)).sort();
  if (names.length === 0) throw new Error(`${join(folder, target)}: no sample`);
  return names.map((name) => readFileSync(join(folder, target, name)));
}
