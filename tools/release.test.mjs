// What a release needs is in its place: changesets that fit the packages, a workflow that publishes with provenance.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readWorkspaces } from './layers/table.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path) => readFileSync(join(root, path), 'utf8');
const published = readWorkspaces(root).filter(({ manifest }) => manifest.private !== true);
const changesets = readdirSync(join(root, '.changeset'))
  .filter((file) => file.endsWith('.md') && file !== 'README.md')
  .map((file) => ({ file, text: read(`.changeset/${file}`) }));

test('a changeset names packages that are published, how much they change, and says what is different', () => {
  const names = new Set(published.map(({ manifest }) => manifest.name));
  for (const { file, text } of changesets) {
    const [, head, body] = /^---\n([\s\S]*?)---\n([\s\S]+)$/.exec(text) ?? [];
    const rows = (head ?? '').trim().split('\n');
    expect(rows.length, file).toBeGreaterThan(0);
    for (const row of rows) {
      const [, name] = /^["']?(@[\w/-]+)["']?: (?:major|minor|patch)$/.exec(row) ?? [];
      expect(names.has(name), `${file}: ${row}`).toBe(true);
    }
    expect(body?.trim().length, file).toBeGreaterThan(40);
  }
});

test('every published package has a changelog, or stands in the changeset of its first release', () => {
  const without = published.filter(
    ({ folder, manifest }) =>
      !existsSync(join(root, folder, 'CHANGELOG.md')) &&
      !changesets.some(({ text }) => text.includes(`"${manifest.name}"`)),
  );
  expect(without.map(({ folder }) => folder)).toEqual([]);
});

test('the workflow may sign, publishes with provenance, and every package names the repository that it comes from', () => {
  const workflow = read('.github/workflows/release.yml');
  expect(workflow).toMatch(/permissions: \{.*id-token: write.*\}/);
  expect(workflow).toMatch(/NPM_CONFIG_PROVENANCE: "true"/);
  expect(workflow).toMatch(/^ +NPM_TOKEN: /m);
  const repositories = published.map(({ manifest }) => manifest.repository?.url);
  expect(new Set(repositories)).toEqual(new Set(['git+https://github.com/schemahub/schemahub.git']));
});
