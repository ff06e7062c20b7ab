import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { readCorpus } from './corpus.js';
import { fuzz } from './fuzz.js';
import { createTargets, digestOf } from './targets.js';

const usage = `pnpm fuzz PARSER|all [--inputs 1000000] [--seed 1] [--from 0]     each input a function of seed and number
`;
const print = (text: string): void => void process.stdout.write(`${text}\n`);
const corpusFolder = 'internal/fuzz/corpus';

function numberOf(args: string[], name: string, fallback: number): number {
  const at = args.indexOf(name);
  if (at < 0) return fallback;
  const [, text] = args.splice(at, 2);
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${name}: expected a whole number, got ${text}`);
  return value;
}

async function main(args: string[]): Promise<number> {
  const inputs = numberOf(args, '--inputs', 1_000_000);
  const seed = numberOf(args, '--seed', 1);
  const from = numberOf(args, '--from', 0);
  const targets = await createTargets(readFileSync('mappings/coinbase_trades.yaml', 'utf8'));
  const names = targets.map(({ name }) => name).join(', ');
  const chosen = targets.filter(({ name }) => args[0] === 'all' || args[0] === name);
  if (chosen.length === 0) {
    print(`${usage}parsers: ${names}`);
    return 2;
  }
  let bad = 0;
  for (const target of chosen) {
    const begun = performance.now();
    const corpus = readCorpus(corpusFolder, target.name);
    const result = await fuzz({ target, corpus, seed, from, inputs, now: () => performance.now() });
    const seconds = (performance.now() - begun) / 1000;
    const peak = Math.round(process.resourceUsage().maxRSS / 1024);
    print(
      `${target.name}: inputs ${from} … ${from + result.inputs - 1} of ${corpus.length} samples, ${result.refused} refused with a sentence, ${result.findings.length} findings, ${seconds.toFixed(0)} s, peak ${peak} MB`,
    );
    for (const { n, what, bytes } of result.findings) {
      bad++;
      const path = `${corpusFolder}/${target.name}/found-${digestOf(bytes)}`;
      if (!existsSync(path)) writeFileSync(path, bytes);
      print(`  input ${n} (kept as ${path}): ${what.slice(0, 900)}`);
    }
  }
  return bad === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(error instanceof RangeError ? `${error.message}\n${usage}` : `${(error as Error).stack}\n`);
  return 2;
});
