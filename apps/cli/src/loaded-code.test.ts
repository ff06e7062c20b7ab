import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { embeddedMappings } from '@schemahub/mappings';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltCli, buildCli } from './testing/built-cli.js';
import { createWorld, type World } from './testing/virtual-run.js';

/** What each start of the program pays for: reading and compiling takes some 25 ms a megabyte, each file 0.4 ms. */
let cli: BuiltCli;
let world: World;
beforeAll(async () => {
  [cli, world] = await Promise.all([buildCli(), createWorld({ products: [{ id: 'BTC-USD', trades: 300 }] })]);
  expect((await world.run(['backfill', 'BTC-USD'])).code).toBe(0);
});
afterAll(async () => {
  await cli.remove();
  await world.remove();
});

interface Loaded {
  readonly files: number;
  readonly kilobytes: number;
  /** npm packages that the files hold, by the paths that the bundler writes above each module. */
  readonly packages: readonly string[];
  readonly workspaces: readonly string[];
}

/** Runs the built program; Node's coverage says which of its files were loaded, by whatever way. */
async function loadedBy(args: readonly string[]): Promise<Loaded> {
  const coverage = join(world.folder, `coverage-${args.join('-').replaceAll('/', '_')}`);
  const { code } = await cli.run(args, { folder: world.folder, environment: { NODE_V8_COVERAGE: coverage } });
  expect(code).toBe(0);
  const [report] = await readdir(coverage);
  const { result } = JSON.parse(await readFile(join(coverage, report!), 'utf8')) as { result: { url: string }[] };
  const paths = result.flatMap(({ url }) => (url.startsWith('file:') ? [fileURLToPath(url)] : []));
  const own = paths.filter((path) => dirname(path) === dirname(cli.program));
  const texts = await Promise.all(own.map((path) => readFile(path, 'utf8')));
  const named = (pattern: RegExp): string[] =>
    [...new Set(texts.flatMap((text) => [...text.matchAll(pattern)].map((match) => match[1]!)))].sort();
  return {
    files: own.length,
    kilobytes: Math.round(texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) / 1000),
    packages: named(/^\/\/ \S*\/node_modules\/((?:@[^/\s]+\/)?[^/\s]+)\/\S+$/gm),
    workspaces: named(/^\/\/ (?:\.\.\/)+(?:packages|internal)\/([^/\s]+)\/\S+$/gm),
  };
}

describe('the code that a command loads', () => {
  it('is the table of commands and their parser for --help', async () => {
    const { files, kilobytes, packages, workspaces } = await loadedBy(['--help']);
    expect(packages).toEqual(['commander']);
    expect(workspaces).toEqual(['runtime']);
    expect(files).toBeLessThanOrEqual(10);
    expect(kilobytes).toBeLessThanOrEqual(180);
  });

  it('holds nothing that asks an exchange, and no YAML, for transform', async () => {
    const { files, kilobytes, packages, workspaces } = await loadedBy(['transform', '--lake', world.lake]);
    expect(packages).toEqual(['commander', 'hyparquet', 'hyparquet-writer', 'hysnappy', 'lossless-json']);
    expect(
      workspaces.filter((name) => /^(connector-(?!kit)|rate-limit|circuit-breaker|audit|query)/.test(name)),
    ).toEqual([]);
    expect(files).toBeLessThanOrEqual(38);
    expect(kilobytes).toBeLessThanOrEqual(870);
  });

  it('is no more for an unchanged copy of a shipped mapping, and all that checks it for one of one’s own', async () => {
    const file = join(world.folder, 'mappings/coinbase_trades.yaml');
    await mkdir(dirname(file));
    await writeFile(file, embeddedMappings['coinbase_trades.yaml']!);
    const alone = (await loadedBy(['transform', '--lake', world.lake, '-q'])).packages;
    expect(alone).not.toContain('ajv');
    expect(alone).not.toContain('yaml');
    await appendFile(file, '# mine\n');
    const own = (await loadedBy(['transform', '--lake', world.lake, '-v'])).packages;
    expect(own).toEqual(expect.arrayContaining([...alone, 'ajv', 'yaml']));
  });
});
