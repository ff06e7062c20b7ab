// Plants every fault that the house refuses in one small tree and compares the whole list of what is found:
// a rule that stops biting, and a rule that bites too much, both turn this red.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { checkLayers } from './check.mjs';
import { drawPicture, drawTable, reduceEdges } from './picture.mjs';
import { levels, rowOf } from './table.mjs';

const layers = { base: [], other: [], 'connector-*': ['base'], middle: ['base'], top: ['base', 'middle'] };
const trees = [];
afterEach(() => {
  for (const tree of trees.splice(0)) rmSync(tree, { recursive: true, force: true });
});

function write(root, files) {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), typeof text === 'string' ? text : JSON.stringify(text));
  }
}

function manifest(name, more = {}) {
  const exports = {
    '.': { '@schemahub/source': './src/index.ts', default: './dist/index.js' },
    './package.json': './package.json',
  };
  return { name: `@schemahub/${name}`, type: 'module', exports, ...more };
}

const uses = (...names) => ({
  dependencies: Object.fromEntries(names.map((name) => [`@schemahub/${name}`, 'workspace:^'])),
});
const testsUse = (...names) => ({ devDependencies: uses(...names).dependencies });

/** A small, sound house: every layer, a simulator, a CLI that loads late, a Lambda that stays small. */
function soundTree() {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'layers-')));
  trees.push(root);
  write(root, {
    'package.json': { name: 'house', devDependencies: { vitest: '1.0.0' } },
    'packages/base/package.json': manifest('base', {
      exports: {
        ...manifest('base').exports,
        './testing': { '@schemahub/source': './src/testing.ts' },
        './s3': { '@schemahub/source': './src/s3.ts' },
      },
      peerDependencies: { '@aws-sdk/client-s3': '3.0.0' },
    }),
    'packages/base/src/index.ts': 'export const base = 1;\nexport type Base = number;\n',
    'packages/base/src/testing.ts': 'export const fake = 1;\n',
    'packages/base/src/s3.ts':
      "import { S3Client } from '@aws-sdk/client-s3';\nexport const client: unknown = S3Client;\n",
    'packages/other/package.json': manifest('other'),
    'packages/other/src/index.ts': '// process.env is a word here.\nexport const other = "process.env";\n',
    'packages/connector-one/package.json': manifest('connector-one', uses('base')),
    'packages/connector-one/src/index.ts':
      "import type { Base } from '@schemahub/base';\nexport const one: Base = 1;\n",
    'packages/middle/package.json': manifest('middle', {
      ...uses('base'),
      ...testsUse('exchange-sim', 'connector-one'),
    }),
    'packages/middle/src/index.ts': "import { base } from '@schemahub/base';\nexport const middle = base;\n",
    'packages/middle/src/middle.test.ts':
      "import { test } from 'vitest';\nimport { sim } from '@schemahub/exchange-sim';\nimport { one } from '@schemahub/connector-one';\nimport { fake } from '@schemahub/base/testing';\ntest('', () => [sim, one, fake, process.env]);\n",
    'packages/top/package.json': manifest('top', uses('middle')),
    'packages/top/src/index.ts': "export * from '@schemahub/middle';\n",
    'internal/exchange-sim/package.json': manifest('exchange-sim', uses('base')),
    'internal/exchange-sim/src/index.ts': "import { base } from '@schemahub/base';\nexport const sim = base;\n",
    'internal/runtime/package.json': manifest('runtime', { ...uses('top', 'base') }),
    'internal/runtime/src/index.ts':
      "import { middle } from '@schemahub/top';\nexport const wired = [middle, process.env];\n",
    'internal/runtime/src/aws.ts': "import { client } from '@schemahub/base/s3';\nexport const aws = client;\n",
    'apps/cli/package.json': manifest('cli', testsUse('runtime', 'exchange-sim')),
    'apps/cli/src/index.ts':
      "import { wired } from '@schemahub/runtime';\nexport const run = async () => [wired, await import('./demo.js')];\n",
    'apps/cli/src/demo.ts': "import { sim } from '@schemahub/exchange-sim';\nexport const demo = sim;\n",
    'apps/data-quality-lambda/package.json': manifest('data-quality-lambda', testsUse('base', 'connector-one')),
    'apps/data-quality-lambda/src/index.ts':
      "import { base } from '@schemahub/base';\nimport type { one } from '@schemahub/connector-one';\nexport const score: typeof one = base;\n",
  });
  mkdirSync(join(root, 'node_modules/@schemahub'), { recursive: true });
  for (const name of ['base', 'other', 'connector-one', 'middle', 'top']) link(root, `packages/${name}`);
  for (const name of ['exchange-sim', 'runtime']) link(root, `internal/${name}`);
  for (const name of ['cli', 'data-quality-lambda']) link(root, `apps/${name}`);
  write(root, {
    'node_modules/vitest/package.json': { name: 'vitest', main: 'index.js' },
    'node_modules/vitest/index.js': '',
    'node_modules/left-pad/package.json': { name: 'left-pad', main: 'index.js' },
    'node_modules/left-pad/index.js': '',
  });
  return root;
}

function link(root, folder) {
  symlinkSync(join(root, folder), join(root, 'node_modules/@schemahub', folder.split('/')[1]));
}

async function found(root, table = layers) {
  const { violations } = await checkLayers({ root, layers: table });
  return violations.map(({ rule, from, to }) => `${rule}: ${from} -> ${to}`);
}

test('a sound tree has no violation', async () => {
  expect(await found(soundTree())).toEqual([]);
});

test('every planted fault is refused, by its rule, at its place, and nothing else is', async () => {
  const root = soundTree();
  write(root, {
    // A value, a type and a test that reach past the row.
    'packages/middle/src/a-row.ts': "import { other } from '@schemahub/other';\nexport const a = other;\n",
    'packages/middle/src/b-type.ts': "import type { other } from '@schemahub/other';\nexport type B = typeof other;\n",
    'packages/other/src/c.test.ts': "import { base } from '@schemahub/base';\nexport const c = base;\n",
    // Inside a package: a circle, a relative escape, a deep import, a typing error.
    'packages/other/src/d-circle.ts': "import { e } from './e-circle.js';\nexport const d = (): unknown => e;\n",
    'packages/other/src/e-circle.ts': "import { d } from './d-circle.js';\nexport const e = (): unknown => d;\n",
    'packages/top/src/f-escape.ts': "import { base } from '../../base/src/index.js';\nexport const f = base;\n",
    'packages/top/src/g-deep.ts':
      "import { middle } from '@schemahub/middle/src/index.js';\nexport const g = middle;\n",
    'packages/top/src/h-typo.ts': "import { nothing } from './no-such-file.js';\nexport const h = nothing;\n",
    // Test code: its own testing folder and test-support.ts are tests (allowed), but a source may not import them.
    'packages/middle/src/testing/sound.ts':
      "import { one } from '@schemahub/connector-one';\nexport const sound = [one, process.env];\n",
    'packages/middle/src/test-support.ts':
      "import { sim } from '@schemahub/exchange-sim';\nexport const support = sim;\n",
    'packages/middle/src/s-test-code.ts': "import { sound } from './testing/sound.js';\nexport const s = sound;\n",
    'packages/middle/src/t-test-code.ts': "import { support } from './test-support.js';\nexport const t = support;\n",
    // A testing folder that the exports offer is source.
    'packages/base/src/testing.ts': "export { u } from './testing/u-offered.js';\nexport const fake = 1;\n",
    'packages/base/src/testing/u-offered.ts': "import { test } from 'vitest';\nexport const u: unknown = test;\n",
    // Upwards: to internal, to an app; a test may use internal, but must declare it.
    'packages/top/src/i-internal.ts': "import { sim } from '@schemahub/exchange-sim';\nexport const i = sim;\n",
    'packages/top/src/i.test.ts': "import { sim } from '@schemahub/exchange-sim';\nexport const i = sim;\n",
    'internal/exchange-sim/src/j-app.ts': "import { run } from '@schemahub/cli';\nexport const j = run;\n",
    // AWS in a file of another name, and an AWS entry used outside runtime.
    'packages/base/src/k-aws.ts':
      "import { S3Client } from '@aws-sdk/client-s3';\nexport const k: unknown = S3Client;\n",
    'packages/connector-one/src/l-aws.ts': "import { client } from '@schemahub/base/s3';\nexport const l = client;\n",
    // The CLI loads the simulator and DuckDB at once; the second import of a module is a value although the first is a type.
    'apps/cli/src/m-early.ts':
      "import type { sim as Sim } from '@schemahub/exchange-sim';\nimport { sim } from '@schemahub/exchange-sim';\nexport const m: typeof Sim = sim;\n",
    'internal/runtime/src/n-duckdb.ts': "import { open } from '@duckdb/node-api';\nexport const n: unknown = open;\n",
    'internal/runtime/src/index.ts':
      "export { n } from './n-duckdb.js';\nexport { middle } from '@schemahub/top';\nexport const wired = 1;\n",
    'node_modules/@duckdb/node-api/package.json': { name: '@duckdb/node-api', main: 'index.js' },
    'node_modules/@duckdb/node-api/index.js': 'exports.open = 1;',
    // The Lambda reaches a connector, even late.
    'apps/data-quality-lambda/src/o-late.ts': "export const o = () => import('@schemahub/connector-one');\n",
    // The environment, in all its spellings.
    'packages/other/src/p1-env.ts': "export const p = process.env['HOME'];\n",
    'packages/other/src/p2-env.ts': 'export const { env } = process;\n',
    'packages/other/src/p3-env.ts':
      "import { env as surroundings } from 'node:process';\nexport const p = surroundings;\n",
    'packages/other/src/p4-env.ts': "export const p = globalThis.process['env'];\n",
    'apps/cli/src/p5-env.ts': 'export const p = process.env.HOME;\n',
    // npm: not declared at all; declared for tests only.
    'packages/other/src/q-undeclared.ts': "import pad from 'left-pad';\nexport const q: unknown = pad;\n",
    'packages/other/src/r-dev.ts': "import { test } from 'vitest';\nexport const r: unknown = test;\n",
    // Manifests: an unused dependency, one outside the row, a circle over devDependencies.
    'packages/connector-one/package.json': manifest('connector-one', {
      ...uses('base', 'other'),
      ...testsUse('middle'),
    }),
    'packages/rowless/package.json': manifest('rowless'),
    'packages/rowless/src/index.ts': 'export const rowless = 1;\n',
  });
  const table = { ...layers, ghost: [], top: ['base', 'middle', 'phantom'] };
  const env = (file) => `environment-in-runtime: ${file} -> process.env`;
  expect(await found(root, table)).toEqual(
    [
      'aws-from-runtime: packages/connector-one/src/l-aws.ts -> packages/base/src/s3.ts',
      'aws-in-named-files: packages/base/src/k-aws.ts -> @aws-sdk/client-s3',
      'cli-loads-late: apps/cli/src/index.ts -> internal/runtime/src/index.ts -> internal/runtime/src/n-duckdb.ts -> node_modules/@duckdb/node-api/index.js',
      'cli-loads-late: apps/cli/src/m-early.ts -> internal/exchange-sim/src/index.ts',
      'dependency-outside-row: packages/connector-one/package.json -> @schemahub/other',
      env('apps/cli/src/p5-env.ts'),
      ...[1, 2, 3, 4].map((n) => env(`packages/other/src/p${n}-env.ts`)),
      'lambda-stays-small: apps/data-quality-lambda/src/o-late.ts -> packages/connector-one/src/index.ts',
      'no-apps: internal/exchange-sim/src/j-app.ts -> apps/cli/src/index.ts',
      'no-circle: packages/connector-one/package.json -> @schemahub/middle -> @schemahub/connector-one',
      'no-circle: packages/middle/package.json -> @schemahub/connector-one -> @schemahub/middle',
      'no-cycle: packages/other/src/d-circle.ts -> packages/other/src/e-circle.ts',
      'no-dev-dependency: packages/other/src/r-dev.ts -> vitest',
      'no-internal: packages/top/src/i-internal.ts -> internal/exchange-sim/src/index.ts',
      'no-relative-escape: packages/top/src/f-escape.ts -> ../../base/src/index.js',
      'no-row: packages/rowless -> layers.mjs',
      'no-dev-dependency: packages/base/src/testing/u-offered.ts -> vitest',
      'no-test-code: packages/middle/src/s-test-code.ts -> packages/middle/src/testing/sound.ts',
      'no-test-code: packages/middle/src/t-test-code.ts -> packages/middle/src/test-support.ts',
      'no-undeclared: internal/exchange-sim/src/j-app.ts -> @schemahub/cli',
      'no-undeclared: internal/runtime/src/n-duckdb.ts -> @duckdb/node-api',
      'no-undeclared: packages/middle/src/a-row.ts -> @schemahub/other',
      'no-undeclared: packages/middle/src/b-type.ts -> @schemahub/other',
      'no-undeclared: packages/other/src/c.test.ts -> @schemahub/base',
      'no-undeclared: packages/other/src/q-undeclared.ts -> left-pad',
      'no-undeclared: packages/top/src/i-internal.ts -> @schemahub/exchange-sim',
      'no-undeclared: packages/top/src/i.test.ts -> @schemahub/exchange-sim',
      'no-unresolved: packages/top/src/g-deep.ts -> @schemahub/middle/src/index.js',
      'no-unresolved: packages/top/src/h-typo.ts -> ./no-such-file.js',
      'row-middle: packages/middle/src/a-row.ts -> packages/other/src/index.ts',
      'row-middle: packages/middle/src/b-type.ts -> packages/other/src/index.ts',
      'row-without-package: layers.mjs -> ghost',
      'row-without-package: layers.mjs: top -> phantom',
      'test-row-other: packages/other/src/c.test.ts -> packages/base/src/index.ts',
      'unused-dependency: packages/connector-one/package.json -> @schemahub/middle',
      'unused-dependency: packages/connector-one/package.json -> @schemahub/other',
    ].sort(),
  );
});

test('a table that goes in a circle is refused in words', async () => {
  await expect(checkLayers({ root: soundTree(), layers: { ...layers, base: ['top'] } })).rejects.toThrow(
    'layers.mjs goes in a circle: base -> top -> base',
  );
});

test('a row is found by name before pattern, and the longest pattern wins', () => {
  const table = { 'connector-*': ['a'], 'connector-kit': ['b'], 'connector-x*': ['c'] };
  expect(['connector-kit', 'connector-xy', 'connector-one', 'lake'].map((name) => rowOf(table, name))).toEqual([
    ['b'],
    ['c'],
    ['a'],
    undefined,
  ]);
});

test('a level is one above the highest import; the picture draws only what no longer path implies', () => {
  const allowed = new Map([
    ['base', []],
    ['middle', ['base']],
    ['top', ['base', 'middle']],
  ]);
  expect([...levels(allowed)]).toEqual([
    ['base', 0],
    ['middle', 1],
    ['top', 2],
  ]);
  expect(reduceEdges(allowed)).toEqual([
    ['middle', 'base'],
    ['top', 'middle'],
  ]);
});

test('picture and table name every package and app once, and are the same text every time', () => {
  const names = ['base', 'other', 'middle', 'top'];
  const picture = drawPicture(layers, names, ['runtime', 'cli', 'exchange-sim']);
  for (const name of [...names, 'runtime', 'cli', 'exchange-sim'])
    expect(picture.split(`>${name}</text>`)).toHaveLength(2);
  expect(drawPicture(layers, names, ['runtime', 'cli', 'exchange-sim'])).toBe(picture);
  const table = drawTable(
    layers,
    names.map((name) => ({ name, description: `Knows ${name}.` })),
  );
  expect(table).toContain('| L2 | [`top`](../packages/top) | Knows top. | `base` `middle` |');
  expect(table).toContain('| L0 | [`other`](../packages/other) | Knows other. | nothing |');
});
