// Checks a tree against the rules of the house: dependency-cruiser reads the imports and judges the rows,
// the rest is a walk over the same graph, over the manifests and over the sources.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cruise } from 'dependency-cruiser';
import ts from 'typescript';
import { AWS_FILES, AWS_SDK, cruiseRules, HELP, testFiles } from './rules.mjs';
import { allowedImports, checkTable, levels, readWorkspaces, rowOf, SCOPE } from './table.mjs';

const isCode = (file) => /^(packages|internal|apps|examples|mappings|bench)\/.*\.m?ts$/.test(file);

/** Reads every import below the workspaces' `src`. */
async function readImports(root, workspaces, rules) {
  const folders = workspaces.map(({ folder }) => `${folder}/src`).filter((folder) => existsSync(join(root, folder)));
  const result = await cruise(folders, {
    baseDir: root,
    validate: true,
    ruleSet: { forbidden: rules },
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    doNotFollow: { path: '(^|/)(node_modules|dist)/' },
    exclude: { path: '(^|/)(dist|\\.turbo)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@schemahub/source', 'types', 'import', 'node', 'default'],
      mainFields: ['types', 'module', 'main'],
      extensions: ['.ts', '.mts', '.js', '.mjs', '.json', '.d.ts'],
    },
  });
  return result.output;
}

/** Files reached from `starts`; `follow` decides about an edge. Returns file → the file that led to it. */
function reach(modules, starts, follow) {
  const bySource = new Map(modules.map((module) => [module.source, module]));
  const cameFrom = new Map(starts.map((start) => [start, undefined]));
  const queue = [...starts];
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    for (const edge of bySource.get(file)?.dependencies ?? []) {
      if (cameFrom.has(edge.resolved) || edge.dependencyTypes.includes('type-only') || !follow(edge)) continue;
      cameFrom.set(edge.resolved, file);
      queue.push(edge.resolved);
    }
  }
  return cameFrom;
}

function chain(cameFrom, file) {
  const path = [];
  for (let at = file; at !== undefined; at = cameFrom.get(at)) path.unshift(at);
  return path.join(' -> ');
}

/** What must not be reached from an app: the CLI's first load, and anything at all of the Lambda. */
function checkReach(modules, isTest) {
  const found = [];
  const judge = (app, rule, help, forbidden, follow) => {
    const files = modules.filter(({ source }) => source.startsWith(`apps/${app}/src/`) && !isTest(source));
    const imported = new Set(files.flatMap(({ dependencies }) => dependencies.map(({ resolved }) => resolved)));
    // The app begins where no other file of it leads.
    const starts = files.map(({ source }) => source).filter((file) => !imported.has(file));
    const cameFrom = reach(modules, starts, follow);
    const reached = [...cameFrom.keys()].filter((file) => new RegExp(forbidden).test(file));
    // The first of a kind is enough: what lies behind it follows from it.
    for (const file of reached.filter((file) => !new RegExp(forbidden).test(cameFrom.get(file) ?? ''))) {
      found.push({ rule, from: chain(cameFrom, cameFrom.get(file)), to: file, help });
    }
  };
  judge(
    'cli',
    'cli-loads-late',
    'The CLI loads the simulator, AWS and DuckDB by import(), so that --help stays fast: make one import on this path dynamic.',
    `^internal/exchange-sim/|(^|/)@duckdb(/|\\+)|${AWS_SDK}|^(packages|internal)/.*${AWS_FILES}`,
    (edge) => !edge.dynamic,
  );
  judge(
    'data-quality-lambda',
    'lambda-stays-small',
    'The Lambda asks Athena and scores the answer: it must not even reach connectors, ingest, table, mapping-engine, parquet-sink or DuckDB.',
    '^packages/(connector-[^/]+|ingest|table|mapping-engine|parquet-sink)/|(^|/)@duckdb(/|\\+)',
    () => true,
  );
  return found;
}

/** The package a bare specifier names: `@aws-sdk/client-s3`, `yaml`; undefined for relative paths. */
function packageOf(specifier) {
  if (/^[./#]/.test(specifier)) return undefined;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Imports against the manifests: declared, of the right kind, used; and no path that climbs out of its package. */
function checkManifests({ modules, workspaces, rootManifest, layers, isTest }) {
  const found = [];
  for (const { folder, group, name, manifest } of workspaces) {
    const declared = { ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies };
    const forTests = { ...rootManifest.devDependencies, ...manifest.devDependencies };
    // An app is a bundle: what it bundles stands in its devDependencies.
    const forSource = group === 'apps' ? { ...declared, ...manifest.devDependencies } : declared;
    const ofOurs = { source: new Set(), any: new Set() };
    const own = modules.filter((module) => module.source.startsWith(`${folder}/src/`));
    for (const edge of own.flatMap(({ source, dependencies }) => dependencies.map((edge) => ({ ...edge, source })))) {
      const target = packageOf(edge.module);
      const climbs = target === undefined && !edge.resolved.startsWith(`${folder}/`) && !edge.couldNotResolve;
      if (climbs)
        found.push({
          rule: 'no-relative-escape',
          from: edge.source,
          to: edge.module,
          help: HELP['no-relative-escape'],
        });
      if (target === undefined || edge.coreModule || edge.dependencyTypes.includes('core') || target === manifest.name)
        continue;
      if (target.startsWith(SCOPE)) {
        ofOurs.any.add(target);
        if (!isTest(edge.source)) ofOurs.source.add(target);
      }
      if (Object.hasOwn(isTest(edge.source) ? { ...declared, ...forTests } : forSource, target)) continue;
      const dev = Object.hasOwn(forTests, target);
      found.push({
        rule: dev ? 'no-dev-dependency' : 'no-undeclared',
        from: edge.source,
        to: target,
        help: dev
          ? `${target} is a devDependency: it is absent where the package is installed. Declare it as a dependency, or import it in tests only.`
          : `Declare ${target} in ${folder}/package.json.`,
      });
    }
    found.push(...unusedDependencies(folder, manifest, ofOurs));
    if (group === 'packages') found.push(...dependenciesOutsideRow(layers, folder, name, manifest));
  }
  return found;
}

/** Our packages that a manifest names and no file imports: dependencies are what `src` uses, devDependencies what tests use. */
function unusedDependencies(folder, manifest, ofOurs) {
  const unused = (section, used) =>
    Object.keys(manifest[section] ?? {})
      .filter((name) => name.startsWith(SCOPE) && !used.has(name))
      .map((name) => ({
        rule: 'unused-dependency',
        from: `${folder}/package.json`,
        to: name,
        help: `No file uses it: remove it from ${section}.`,
      }));
  return [...unused('dependencies', ofOurs.source), ...unused('devDependencies', ofOurs.any)];
}

/** Our packages that a manifest depends on although the row does not allow them. */
function dependenciesOutsideRow(layers, folder, name, manifest) {
  const row = rowOf(layers, name) ?? [];
  return Object.keys(manifest.dependencies ?? {})
    .filter((key) => key.startsWith(SCOPE) && !row.includes(key.slice(SCOPE.length)))
    .map((key) => ({
      rule: 'dependency-outside-row',
      from: `${folder}/package.json`,
      to: key,
      help: 'Its row in layers.mjs does not name it.',
    }));
}

/** True when the source reads the environment: `process.env`, `process['env']`, `{ env } = process`, `import { env }`. */
function readsEnvironment(file, text) {
  if (!/\benv\b/.test(text) || !/process/.test(text)) return false;
  const isProcess = (node) =>
    ts.isIdentifier(node)
      ? node.text === 'process'
      : ts.isPropertyAccessExpression(node) && node.name.text === 'process';
  const namesEnv = (elements) => elements.some((element) => (element.propertyName ?? element.name).text === 'env');
  const visit = (node) => {
    if (ts.isPropertyAccessExpression(node) && node.name.text === 'env' && isProcess(node.expression)) return true;
    if (ts.isElementAccessExpression(node) && node.argumentExpression.text === 'env' && isProcess(node.expression))
      return true;
    if (
      ts.isVariableDeclaration(node) &&
      ts.isObjectBindingPattern(node.name) &&
      node.initializer &&
      isProcess(node.initializer)
    ) {
      return namesEnv(node.name.elements);
    }
    if (ts.isImportDeclaration(node) && /^(node:)?process$/.test(node.moduleSpecifier.text)) {
      const names = node.importClause?.namedBindings;
      if (names && ts.isNamedImports(names) && namesEnv(names.elements)) return true;
    }
    return ts.forEachChild(node, (child) => visit(child) || undefined) === true;
  };
  return visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest));
}

function checkEnvironment(root, modules, isTest) {
  const mayRead = /^(internal\/runtime|bench|tools)\//;
  return modules
    .map((module) => module.source)
    .filter((file) => isCode(file) && !isTest(file) && !mayRead.test(file))
    .filter((file) => readsEnvironment(file, readFileSync(join(root, file), 'utf8')))
    .map((file) => ({
      rule: 'environment-in-runtime',
      from: file,
      to: 'process.env',
      help: 'Only internal/runtime reads the environment: take the value as an option.',
    }));
}

/** Packages whose manifests lead back to themselves; devDependencies count, since turbo builds them first. */
function checkCircles(workspaces) {
  const below = new Map(
    workspaces.map(({ manifest }) => [
      manifest.name,
      Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }),
    ]),
  );
  return workspaces.flatMap(({ folder, manifest }) => {
    const cameFrom = new Map((below.get(manifest.name) ?? []).map((name) => [name, undefined]));
    for (const name of cameFrom.keys())
      for (const next of below.get(name) ?? []) if (!cameFrom.has(next)) cameFrom.set(next, name);
    if (!cameFrom.has(manifest.name)) return [];
    const help = 'Test it from the package above, or through internal/: the manifests must not go in a circle.';
    return [{ rule: 'no-circle', from: `${folder}/package.json`, to: chain(cameFrom, manifest.name), help }];
  });
}

/** Every violation of the rules in the tree at `root`: `{ rule, from, to, help }`, sorted. */
export async function checkLayers({ root, layers }) {
  const workspaces = readWorkspaces(root);
  const packageNames = workspaces.filter(({ group }) => group === 'packages').map(({ name }) => name);
  levels(allowedImports(layers, packageNames));
  const tests = new RegExp(workspaces.flatMap(testFiles).join('|'));
  const isTest = (file) => tests.test(file);
  const rules = cruiseRules(layers, workspaces);
  const help = new Map(rules.map(({ name, comment }) => [name, comment]));
  const { modules, summary } = await readImports(root, workspaces, rules);
  const rootManifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const found = [
    ...checkTable(layers, packageNames),
    ...checkCircles(workspaces),
    ...summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to, help: help.get(rule.name) })),
    ...checkReach(modules, isTest),
    ...checkManifests({ modules, workspaces, rootManifest, layers, isTest }),
    ...checkEnvironment(root, modules, isTest),
  ];
  const text = ({ rule, from, to }) => `${rule}\u0000${from}\u0000${to}`;
  const unique = new Map(found.map((violation) => [text(violation), violation]));
  const violations = [...unique.keys()].sort().map((key) => unique.get(key));
  return { violations, files: modules.filter(({ source }) => isCode(source)).length, packages: packageNames.length };
}
