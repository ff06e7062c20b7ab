// The package template: `node tools/new-package.mjs NAME "one sentence" [dep ...] [--sub testing=src/testing/index.ts]`.
// A dep without a scope is a workspace package, `dev:NAME` one that tests alone need; `npm:yaml` takes its version from the
// catalog in pnpm-workspace.yaml.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const [name, sentence, ...rest] = process.argv.slice(2);
if (!name || !sentence) {
  console.error('usage: node tools/new-package.mjs NAME "one sentence" [dep ...] [--sub name=src/file.ts]');
  process.exit(2);
}
const subs = { index: 'src/index.ts' };
const dependencies = {};
const devDependencies = {};
for (let i = 0; i < rest.length; i++) {
  const word = rest[i];
  if (word === '--sub') {
    const [sub, file] = rest[++i].split('=');
    subs[sub] = file;
  } else if (word.startsWith('npm:')) dependencies[word.slice(4)] = 'catalog:';
  else if (word.startsWith('dev:')) devDependencies[`@schemahub/${word.slice(4)}`] = 'workspace:^';
  else dependencies[`@schemahub/${word}`] = 'workspace:^';
}

const folder = join('packages', name);
if (existsSync(folder)) {
  console.error(`${folder} exists already; choose another name or change it by hand.`);
  process.exit(2);
}
const paths = (source) =>
  Object.fromEntries([
    ...Object.entries(subs).map(([sub, file]) => [
      sub === 'index' ? '.' : `./${sub}`,
      {
        ...(source ? { '@schemahub/source': `./${file}` } : {}),
        types: `./dist/${sub}.d.ts`,
        default: `./dist/${sub}.js`,
      },
    ]),
    ['./package.json', './package.json'],
  ]);
const manifest = {
  name: `@schemahub/${name}`,
  version: '0.0.0',
  description: sentence,
  license: 'MIT',
  repository: { type: 'git', url: 'git+https://github.com/schemahub/schemahub.git', directory: folder },
  type: 'module',
  sideEffects: false,
  exports: paths(true),
  files: ['dist'],
  engines: { node: '>=20.19' },
  scripts: { build: 'tsup' },
  ...(Object.keys(dependencies).length > 0 ? { dependencies } : {}),
  ...(Object.keys(devDependencies).length > 0 ? { devDependencies } : {}),
  publishConfig: { access: 'public', exports: paths(false) },
};
for (const file of Object.values(subs)) {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), 'export {};\n');
}
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
writeFileSync(join(folder, 'tsconfig.json'), `{ "extends": "../../tsconfig.base.json", "include": ["src"] }\n`);
const entries = Object.keys(subs).length > 1 ? JSON.stringify(subs).replaceAll('"', "'") : '';
writeFileSync(
  join(folder, 'tsup.config.ts'),
  `import { defineConfig } from 'tsup';\nimport { library } from '../../tsup.preset.js';\n\nexport default defineConfig(library(${entries}));\n`,
);
// The order of every package's README; tools/house.test.mjs looks for it.
const readme = `# @schemahub/${name}

${sentence}

## Install

\`\`\`sh
npm install @schemahub/${name}
\`\`\`

## Example

\`\`\`ts
import {} from '@schemahub/${name}';
\`\`\`

## Options

| option | purpose | unit | default |
|---|---|---|---|

## Guarantees and non-guarantees

Order, duplicates, memory, crash.

## Errors

| code | when | retryable | what to do |
|---|---|---|---|
`;
writeFileSync(join(folder, 'README.md'), readme);
console.log(
  `${folder} is there. Next: its row in layers.mjs (a connector has one), \`pnpm install\`, \`pnpm layers:write\`, its README and tests.`,
);
