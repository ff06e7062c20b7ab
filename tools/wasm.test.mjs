import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { compileWasm, outputOf, wasmSources } from './wasm.mjs';

it.each(wasmSources())(
  'the committed bytes of %s are what it compiles to',
  async (source) => {
    const committed = readFileSync(new URL(`../${outputOf(source)}`, import.meta.url), 'utf8');
    expect(await compileWasm(source)).toBe(committed);
  },
  60_000,
);
