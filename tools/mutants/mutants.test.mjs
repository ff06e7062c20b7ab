// Every deliberate bug can still be planted: its piece stands in its file exactly once, and its killer is there.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { mutants } from './mutants.mjs';
import { mutate } from './plugin.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('there are at least 25, each of its own name', () => {
  expect(mutants.length).toBeGreaterThanOrEqual(25);
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
});

test.each(mutants)('$name', (mutant) => {
  expect(mutate(mutant)).toContain(mutant.replace);
  expect(mutant.test === undefined ? mutant.seed > 0 : existsSync(join(root, mutant.test))).toBe(true);
});
