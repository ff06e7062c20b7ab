// The package template (HOUSE: one shape for every package) and the promises of the repository as a whole.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { readWorkspaces } from './layers/table.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path) => readFileSync(join(root, path), 'utf8');
const workspaces = readWorkspaces(root);
const packages = workspaces.filter(({ group }) => group === 'packages');
const published = workspaces.filter(({ manifest }) => manifest.private !== true);

/** Every file below `folder` whose name fits, as paths from the root. */
function filesBelow(folder, pattern) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (['node_modules', 'dist', '.turbo', '.venv', 'coverage'].includes(entry.name) && entry.isDirectory()) {
      if (entry.name !== 'coverage' || folder === '.') return [];
    }
    const path = folder === '.' ? entry.name : `${folder}/${entry.name}`;
    return entry.isDirectory() ? filesBelow(path, pattern) : pattern.test(entry.name) ? [path] : [];
  });
}

const sources = workspaces.flatMap(({ folder }) => filesBelow(`${folder}/src`, /\.ts$/));
const tests = [...sources.filter((path) => /\.test\.ts$/.test(path)), ...filesBelow('tools', /\.test\.mjs$/)];

/** Files whose text fits the pattern, each with its first hit. */
function hits(paths, pattern) {
  return paths.flatMap((path) => {
    const hit = read(path).match(pattern);
    return hit === null ? [] : [`${path}: ${hit[0].trim()}`];
  });
}

describe('the repository', () => {
  test('the lockfile holds no address of a registry', () => {
    expect(read('pnpm-lock.yaml').match(/^.*(https?:\/\/|registry\.|tarball:).*$/gm)).toBeNull();
  });

  test('no test is focused, switched off or left to do', () => {
    expect(
      hits(tests, /^\s*(test|it|describe)\.(only|todo|skip)\b.*$|^\s*(fit|fdescribe|xit|xdescribe)\(.*$/m),
    ).toEqual([]);
  });

  test('no source waits to be finished', () => {
    expect(hits(sources, /\b(TODO|FIXME|XXX|HACK)\b.*|not (yet )?implemented.*/)).toEqual([]);
  });

  test('what only its own file uses is not exported: then the compiler sees when nothing does', () => {
    const scripts = filesBelow('tools', /\.mjs$/);
    const texts = [...sources, ...scripts, ...filesBelow('.', /\.m?[jt]s$/)].map((path) => [path, read(path)]);
    const files = new Map(texts);
    const seen = new Map();
    for (const [path, text] of files)
      for (const [word] of text.matchAll(/\w+/g)) seen.set(word, (seen.get(word) ?? new Set()).add(path));
    const idle = [...files].flatMap(([path, text]) =>
      [...text.matchAll(/^export (?:async )?(?:function\*?|const) (\w+)/gm)]
        .filter(([, name]) => seen.get(name).size === 1)
        .map(([, name]) => `${path}: ${name}`),
    );
    expect(idle).toEqual([]);
  });

  test('versions of npm dependencies are exact or from the catalog, ours are of the workspace', () => {
    const loose = workspaces.flatMap(({ folder, manifest }) =>
      Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
        .filter(([name, range]) => {
          return name.startsWith('@schemahub/')
            ? range !== 'workspace:^'
            : range !== 'catalog:' && !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(range);
        })
        .map(([name, range]) => `${folder}: ${name} ${range}`),
    );
    expect(loose).toEqual([]);
  });
});

describe.each(packages)('$folder', ({ folder, name, manifest }) => {
  // A document that is published as it stands (a JSON schema) is exported by its own name, and listed in `files`.
  const documents = Object.keys(manifest.exports).filter((key) => /^\.\/(?!package\.json$)[a-z.-]+\.json$/.test(key));
  const entries = Object.entries(manifest.exports).filter(
    ([key]) => key !== './package.json' && !documents.includes(key),
  );

  test('its package.json follows the template', () => {
    expect(manifest).toMatchObject({
      name: `@schemahub/${name}`,
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      description: expect.stringMatching(/^[A-Z].{20,}\.$/),
      license: 'MIT',
      repository: { type: 'git', directory: folder },
      type: 'module',
      sideEffects: false,
      files: ['dist', ...documents.map((key) => key.slice(2))],
      engines: { node: '>=20.19' },
      scripts: { build: 'tsup' },
      publishConfig: { access: 'public' },
    });
    expect(manifest.main ?? manifest.private ?? manifest.scripts.postinstall).toBeUndefined();
  });

  test('its exports lead to the source first, then to types, then to the build', () => {
    expect(manifest.exports['./package.json']).toBe('./package.json');
    expect(manifest.exports['.']['@schemahub/source']).toBe('./src/index.ts');
    for (const key of documents) {
      expect(manifest.exports[key]).toBe(key);
      expect(existsSync(join(root, folder, key))).toBe(true);
    }
    for (const [key, target] of entries) {
      const built = key === '.' ? 'index' : key.slice(2);
      expect(Object.keys(target)).toEqual(['@schemahub/source', 'types', 'default']);
      expect(existsSync(join(root, folder, target['@schemahub/source']))).toBe(true);
      expect([target.types, target.default]).toEqual([`./dist/${built}.d.ts`, `./dist/${built}.js`]);
    }
  });

  test('what it publishes is the same without the source', () => {
    const without = entries.map(([key, { types, default: built }]) => [key, { types, default: built }]);
    expect(manifest.publishConfig.exports).toEqual({
      ...Object.fromEntries(without),
      ...Object.fromEntries(documents.map((key) => [key, key])),
      './package.json': './package.json',
    });
    expect(Object.keys(manifest.publishConfig.exports)).toEqual(Object.keys(manifest.exports));
  });

  test('its build makes exactly its exports', async () => {
    const { default: config } = await import(pathToFileURL(join(root, folder, 'tsup.config.ts')).href);
    const exported = entries.map(([key, target]) => [
      key === '.' ? 'index' : key.slice(2),
      target['@schemahub/source'].slice(2),
    ]);
    const built = Object.entries(config.entry).map(([key, file]) => [key, file.replace(/^\.\//, '')]);
    // A worker has its own entry without being an export.
    expect(built.filter(([key]) => !/worker/.test(key)).sort()).toEqual(exported.sort());
    expect(config.format).toEqual(['esm']);
  });

  test('it has its tsconfig, and a README that says how to use it', () => {
    expect(JSON.parse(read(`${folder}/tsconfig.json`))).toEqual({
      extends: '../../tsconfig.base.json',
      include: ['src'],
    });
    const readme = read(`${folder}/README.md`);
    const parts = [
      ['its name as title', readme.startsWith(`# @schemahub/${name}\n`)],
      ['npm install', readme.includes(`npm install @schemahub/${name}`)],
      ['an example in ```ts', /^```(ts|js)\n[\s\S]+?^```$/m.test(readme)],
      ['## Guarantees', /^## .*guarantee/im.test(readme)],
    ];
    expect(parts.filter(([, there]) => !there).map(([part]) => `README.md lacks: ${part}`)).toEqual([]);
  });

  test('it has tests', () => {
    expect(filesBelow(`${folder}/src`, /\.test\.ts$/)).not.toEqual([]);
  });
});

describe.each(published)('$folder, published,', ({ manifest }) => {
  test('does not run anything at install time and says what it is', () => {
    expect(
      Object.keys(manifest.scripts ?? {}).filter((script) => /^(pre|post)?(install|prepare)$/.test(script)),
    ).toEqual([]);
    expect(manifest.publishConfig?.access).toBe('public');
    expect(manifest.license).toBe('MIT');
  });
});

describe('hard stops', () => {
  const LINES_OF_A_FILE = 400;
  const LINES_OF_A_FUNCTION = 60;
  /** A table or a codec may be longer: its first lines then say `Longer than the house allows:` and why. */
  const excused = (text) => /Longer than the house allows: \S/.test(text.slice(0, 1500));
  const written = sources.filter((path) => !/\.test\.ts$/.test(path) && !excused(read(path)));

  test(`a source file has at most ${LINES_OF_A_FILE} lines`, () => {
    const long = written
      .map((path) => [path, read(path).split('\n').length - 1])
      .filter(([, lines]) => lines > LINES_OF_A_FILE);
    expect(long).toEqual([]);
  });

  test(`a function has at most ${LINES_OF_A_FUNCTION} lines, its inner functions not counted`, () => {
    const long = written.flatMap((path) => {
      const source = ts.createSourceFile(path, read(path), ts.ScriptTarget.Latest, true);
      return longFunctions(source, LINES_OF_A_FUNCTION).map((text) => `${path}: ${text}`);
    });
    expect(long).toEqual([]);
  });
});

/** Functions of more own lines than `limit`: a factory that returns closures is measured without their bodies. */
function longFunctions(source, limit) {
  const lineOf = (position) => source.getLineAndCharacterOfPosition(position).line;
  const spanOf = (node) => lineOf(node.getEnd()) - lineOf(node.getStart()) + 1;
  const isFunction = (node) => ts.isFunctionLike(node) && node.body !== undefined;
  const found = [];
  /** Lines of `node` that belong to functions inside it, beyond the one line where each begins. */
  const measure = (node) => {
    let inner = 0;
    ts.forEachChild(node, (child) => {
      const below = measure(child);
      inner += isFunction(child) ? spanOf(child) - 1 : below;
    });
    if (isFunction(node) && spanOf(node) - inner > limit) {
      found.push(
        `line ${lineOf(node.getStart()) + 1} ${node.name?.getText() ?? 'function'}: ${spanOf(node) - inner} lines`,
      );
    }
    return inner;
  };
  measure(source);
  return found;
}
