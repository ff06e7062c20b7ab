// Every relative link of the documents leads somewhere, and the documents name no machine.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readWorkspaces } from './layers/table.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

function pagesBelow(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? pagesBelow(path) : path.endsWith('.md') ? [path] : [];
  });
}

const pages = [
  ...pagesBelow('docs'),
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', '.changeset/README.md'],
  ...readWorkspaces(root).map(({ folder }) => `${folder}/README.md`),
].filter((path) => existsSync(join(root, path)));
const read = (path) => readFileSync(join(root, path), 'utf8');

/** A heading as GitHub names its anchor. */
const anchorOf = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');

/** Links of a page that lead nowhere: a missing file, or a heading that the page it leads to does not have. */
function deadLinks(page) {
  const text = read(page).replace(/^```[\s\S]*?^```$/gm, '');
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target);
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [file, anchor] = target.split('#');
      const path = file === '' ? page : join(dirname(page), file);
      if (!existsSync(join(root, path))) return true;
      if (anchor === undefined || !path.endsWith('.md')) return false;
      return ![...read(path).matchAll(/^#+ (.*)$/gm)].some(([, heading]) => anchorOf(heading) === anchor);
    })
    .map((target) => `${page}: ${target}`);
}

test('no relative link is dead', () => {
  expect(pages.length).toBeGreaterThan(10);
  expect(pages.flatMap(deadLinks)).toEqual([]);
});

test('no page waits to be finished or names a machine', () => {
  const unfinished = /\[test to be named\]|\b(TODO|FIXME|TBD)\b|\/(work|tmp|root)\/\w/g;
  expect(pages.flatMap((page) => (read(page).match(unfinished) ?? []).map((hit) => `${page}: ${hit}`))).toEqual([]);
});

test('every decision stands in the index', () => {
  const files = readdirSync(join(root, 'docs/decisions')).filter((name) => /^\d{4}-.*\.md$/.test(name));
  const index = read('docs/decisions/README.md');
  expect(files.filter((name) => !index.includes(`(${name})`))).toEqual([]);
});
