// What a user installs with the packages and the command line: every package of the closure is known by name, has a
// licence that we may pass on, and runs nothing at install time. A new name turns this red until somebody has looked at it.
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readWorkspaces } from './layers/table.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const LICENCES =
  /^\(?(MIT|ISC|Apache-2\.0|BSD-2-Clause|BSD-3-Clause|0BSD|BlueOak-1\.0\.0|Unlicense|CC0-1\.0)( OR [^)]*)?\)?$/;

/** The folder of a dependency as Node would find it from `from`; undefined where an optional one is not installed. */
function folderOf(name, from) {
  for (let folder = from; folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(folder, 'node_modules', name);
    if (existsSync(join(path, 'package.json'))) return realpathSync(path);
  }
  return undefined;
}

/** Every npm package that dependencies lead to, by folder. */
function closure() {
  const published = readWorkspaces(root).filter(
    ({ manifest }) => manifest.private !== true || manifest.name === '@schemahub/cli',
  );
  // What the CLI bundles are devDependencies of it, and workspaces again: their dependencies come along.
  const waiting = [...published, ...readWorkspaces(root).filter(({ name }) => name === 'runtime')].map(
    ({ folder, manifest }) => ({
      folder: join(root, folder),
      manifest,
    }),
  );
  const found = new Map();
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { dependencies, optionalDependencies } = next.manifest;
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      if (name.startsWith('@schemahub/')) continue;
      const folder = folderOf(name, next.folder);
      if (folder === undefined || found.has(folder)) continue;
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      found.set(folder, manifest);
      waiting.push({ folder, manifest });
    }
  }
  return [...found.values()];
}

const packages = closure();
const nameOf = ({ name }) => name.replace(/-(linux|darwin|win32)-(x64|arm64)(-\w+)?$/, '-*');

test('every runtime dependency, direct or not, is one that somebody has looked at', async () => {
  const names = [...new Set(packages.map(nameOf))].sort();
  expect(names.length).toBeGreaterThan(5);
  await expect(`${names.join('\n')}\n`).toMatchFileSnapshot(join(root, 'tools/runtime-dependencies.txt'));
});

test('each has a licence that can be passed on with ours', () => {
  const odd = packages.filter(({ license }) => !LICENCES.test(String(license)));
  expect(odd.map(({ name, license }) => `${name}: ${license}`)).toEqual([]);
});

test('none runs anything at install time', () => {
  const running = packages.filter(({ scripts = {} }) =>
    ['preinstall', 'install', 'postinstall'].some((name) => name in scripts),
  );
  expect(running.map(({ name }) => name)).toEqual([]);
});
