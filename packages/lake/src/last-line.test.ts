import { gzipSync } from 'node:zlib';
import { createMemoryStore } from '@schemahub/object-store';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createIdReader, type RawName, readLastLine } from './raw.js';

const readId = createIdReader('trade_id');

function lineOf(id: number, width: number): string {
  return `{"trade_id":${id},"note":"${'x'.repeat(width)}"}`;
}

async function lastLineOf(text: string, name: Partial<RawName>): Promise<string> {
  const store = createMemoryStore();
  await store.putIfAbsent('raw/object', gzipSync(text, { level: 1 }));
  const whole = { key: 'raw/object', first: 1, last: 1, count: 1, hash: '0', revision: 1, ...name };
  return Buffer.from(await readLastLine(store, whole, readId)).toString();
}

it('finds the last line wherever pieces are cut, and counts the others', async () => {
  // Up to 2 MB: lines shorter and longer than the pieces of 128 KiB that it unpacks to.
  const widths = fc.array(fc.oneof(fc.nat(300), fc.integer({ min: 131_000, max: 131_100 }), fc.nat(300_000)), {
    minLength: 1,
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(widths, fc.nat(3000), fc.boolean(), async (widths, short, feed) => {
      const lines = [...Array<number>(short).fill(100), ...widths].map((width, at) => lineOf(at + 1, width));
      const text = lines.join('\n') + (feed ? '\n' : '');
      const name = { last: lines.length, count: lines.length };
      expect(await lastLineOf(text, name)).toBe(lines.at(-1));
      for (const wrong of [{ count: lines.length + 1 }, { count: lines.length - 1 }, { first: 2 }, { last: 0 }])
        await expect(lastLineOf(text, { ...name, ...wrong })).rejects.toMatchObject({ code: 'damaged-raw' });
    }),
    { numRuns: 25 },
  );
});

it('refuses lines that are empty, no lines at all, and an object that ends early', async () => {
  const line = lineOf(1, 10);
  for (const text of ['', '\n', `${line}\n\n`, `\n${line}`])
    await expect(lastLineOf(text, {})).rejects.toMatchObject({ code: 'damaged-raw' });
  const store = createMemoryStore();
  const name = { key: 'raw/object', first: 1, last: 1, count: 1, hash: '0', revision: 1 };
  await expect(readLastLine(store, name, readId)).rejects.toMatchObject({ code: 'missing-object' });
  await store.putIfAbsent('raw/object', gzipSync(line).subarray(0, -4));
  await expect(readLastLine(store, name, readId)).rejects.toMatchObject({ code: 'damaged-raw' });
});
