// The API reference of all published packages: `pnpm docs:api` writes it to docs-api/. A warning is an error.
import { fileURLToPath } from 'node:url';
import { readWorkspaces } from './tools/layers/table.mjs';

const entries = readWorkspaces(fileURLToPath(new URL('.', import.meta.url)))
  .filter(({ group }) => group === 'packages')
  .flatMap(({ folder, manifest }) =>
    Object.values(manifest.exports)
      .filter((target) => typeof target === 'object')
      .map((target) => `${folder}/${target['@schemahub/source'].slice(2)}`),
  );

export default {
  entryPoints: entries,
  tsconfig: 'tsconfig.json',
  out: 'docs-api',
  name: 'SchemaHub',
  readme: 'none',
  includeVersion: false,
  gitRevision: 'main',
  disableSources: true,
  excludeInternal: true,
  excludePrivate: true,
  validation: { notExported: true, invalidLink: true, notDocumented: false },
  treatWarningsAsErrors: true,
};
