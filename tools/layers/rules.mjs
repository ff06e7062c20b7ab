// The dependency-cruiser rules, made from the table. What they cannot say is in check.mjs.
import { rowOf, SCOPE } from './table.mjs';

/** Files that may hold AWS SDK code, and that only internal/runtime may import. */
export const AWS_FILES = '/(s3|dynamodb|athena|glue|cloudwatch|sns)[.](test[.]|moto[.]test[.])?ts$';
export const AWS_SDK = '(^|/)(@aws-sdk|@smithy|aws-sdk)(/|$)';

/**
 * A workspace's files that only tests use: `*.test.ts`, `test-support.ts`, and `src/testing/` unless its exports offer it.
 * They may use devDependencies and internal/; nothing else may import them.
 */
export function testFiles({ folder, manifest }) {
  const offered = manifest.exports?.['./testing'] !== undefined;
  const patterns = [`^${folder}/.*[.]test[.]ts$`, `^${folder}/.*/test-support[.]ts$`];
  return offered ? patterns : [...patterns, `^${folder}/src/testing/`];
}

/** What to do about a violation, by rule; a row's own text is made in `rowRules`. */
export const HELP = {
  'no-cycle': 'Break the circle: move what both need into a file below them.',
  'no-unresolved':
    "The import leads nowhere: a typing error, a package that is not installed, or a deep import that the package's exports do not offer.",
  'no-relative-escape': 'Import the other package by its name, as a stranger would.',
  'no-internal':
    'A package may not import internal/ (its tests may) nor apps/ or mappings/: take what it needs as an option.',
  'no-apps': 'Nothing imports an app.',
  'no-test-code': 'This file is for tests (they may use devDependencies): a source may not import it.',
  'aws-in-named-files':
    'AWS SDK code lives only in files named s3, dynamodb, athena, glue, cloudwatch or sns: the SDK is an optional peer.',
  'aws-from-runtime': 'Only internal/runtime imports the AWS entries: a laptop installs none of it.',
};

/** Two rules a package: its source imports its row; its tests also what its devDependencies name. Type-only imports count. */
function rowRules(layers, packages) {
  return packages.flatMap((workspace) => {
    const { name, manifest } = workspace;
    const tests = testFiles(workspace);
    const row = rowOf(layers, name) ?? [];
    const forTests = Object.keys(manifest.devDependencies ?? {}).filter((key) => key.startsWith(SCOPE));
    const rule = (kind, from, allowed) => ({
      name: `${kind}-${name}`,
      severity: 'error',
      comment: `${kind === 'row' ? 'layers.mjs lets' : 'layers.mjs and the devDependencies let tests of'} ${name} import ${allowed.join(', ') || 'no other package'}. Import less, or change the table and say why in docs/decisions.`,
      from,
      to: { path: '^packages/', pathNot: `^packages/(${[name, ...allowed].join('|')})/` },
    });
    return [
      rule('row', { path: `^packages/${name}/`, pathNot: tests }, row),
      rule('test-row', { path: tests }, [...row, ...forTests.map((key) => key.slice(SCOPE.length))]),
    ];
  });
}

/** The whole rule set for dependency-cruiser. */
export function cruiseRules(layers, workspaces) {
  const rule = (name, from, to) => ({ name, severity: 'error', comment: HELP[name], from, to });
  const tests = workspaces.flatMap(testFiles);
  const packages = workspaces.filter(({ group }) => group === 'packages');
  return [
    ...rowRules(layers, packages),
    rule('no-cycle', {}, { circular: true }),
    rule('no-unresolved', {}, { couldNotResolve: true, pathNot: AWS_SDK }),
    rule('no-internal', { path: '^packages/', pathNot: tests }, { path: '^(internal|mappings)/' }),
    rule('no-test-code', { pathNot: tests }, { path: tests }),
    rule('no-apps', { path: '^(?!apps/)' }, { path: '^apps/' }),
    rule('aws-in-named-files', { pathNot: AWS_FILES }, { path: AWS_SDK }),
    rule(
      'aws-from-runtime',
      { pathNot: ['^internal/runtime/', AWS_FILES, ...tests] },
      { path: `^(packages|internal)/.*${AWS_FILES}` },
    ),
  ];
}
