import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';
import { expect, it } from 'vitest';

const MEGABYTE = 1_000_000;

it.runIf(process.platform === 'linux')('tells nothing of the memory of the process that started it', () => {
  const held = Buffer.alloc(400 * MEGABYTE, 1);
  const source = readFileSync(fileURLToPath(new URL('peak-memory.ts', import.meta.url)), 'utf8');
  const { code } = transformSync(source, { loader: 'ts', format: 'esm' });
  const program = `${code};process.stdout.write(String(peakMemoryBytes()))`;
  const told = Number(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }));
  expect(held.length).toBe(400 * MEGABYTE);
  expect(told).toBeGreaterThan(10 * MEGABYTE);
  expect(told).toBeLessThan(200 * MEGABYTE);
});
