// Every relative link of the documents leads somewhere, and the documents name no machine.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lint } from 'markdownlint/sync';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { readWorkspaces } from './layers/table.mjs';
import { faultOf, linksOf, outsideLinks } from './outside-links.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

function pagesBelow(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.name === '.terraform') return [];
    return entry.isDirectory() ? pagesBelow(path) : path.endsWith('.md') ? [path] : [];
  });
}

const pages = [
  ...['docs', 'infra'].flatMap(pagesBelow),
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', '.changeset/README.md', 'examples/README.md'],
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

// Whether they are still there is asked once a week, by `node tools/outside-links.mjs --ask` in the ci workflow.
test('every link that leads outside has the form of one that works', () => {
  const links = outsideLinks();
  expect(links.length).toBeGreaterThan(5);
  const faults = links.flatMap(({ page, url }) =>
    faultOf(url) === undefined ? [] : [`${page}: ${url} ${faultOf(url)}`],
  );
  expect(faults).toEqual([]);
  const text = '[a](http://a.com) [b](https://a.com/x y) https://localhost:80/z. `https://code` [c](mailto:x)';
  expect(linksOf('p', text).map(({ url }) => faultOf(url) !== undefined)).toEqual([true, true, true, true]);
  expect(faultOf('https://github.com/schemahub/schemahub/blob/main/README.md')).toBeUndefined();
  expect(faultOf('https://github.com/schemahub/schemahub/blob/main/GONE.md')).toMatch(/not in the repository/);
});

test('every page is well-formed Markdown', () => {
  const strings = Object.fromEntries(pages.map((page) => [page, read(page)]));
  const config = {
    default: true,
    // Lines are as long as their paragraph; padding of tables is a matter of taste; the cost tables multiply with asterisks.
    'line-length': false,
    'table-column-style': false,
    'no-space-in-emphasis': false,
  };
  const found = Object.entries(lint({ strings, config })).flatMap(([page, errors]) =>
    errors.map(
      ({ lineNumber, ruleNames, errorContext }) => `${page}:${lineNumber} ${ruleNames[1]} ${errorContext ?? ''}`,
    ),
  );
  expect(found).toEqual([]);
});

test('no page waits to be finished or names a machine', () => {
  const unfinished = /\[test to be named\]|\b(TODO|FIXME|TBD)\b|\/(work|tmp|root)\/\w/g;
  expect(pages.flatMap((page) => (read(page).match(unfinished) ?? []).map((hit) => `${page}: ${hit}`))).toEqual([]);
});

test('every published package stands in the README', () => {
  const readme = read('README.md');
  expect(packages.map(({ folder }) => folder).filter((folder) => !readme.includes(`](${folder})`))).toEqual([]);
});

test('every decision stands in the index', () => {
  const files = readdirSync(join(root, 'docs/decisions')).filter((name) => /^\d{4}-.*\.md$/.test(name));
  const index = read('docs/decisions/README.md');
  expect(files.filter((name) => !index.includes(`(${name})`))).toEqual([]);
});

const packages = readWorkspaces(root).filter(({ group }) => group === 'packages');

/** Texts of the union types of error codes and kinds that a package declares. */
function errorCodesOf(folder) {
  const files = readdirSync(join(root, folder, 'src'), { recursive: true }).filter((path) =>
    /(^|\/)errors\.ts$/.test(path),
  );
  return files.flatMap((file) => {
    const source = ts.createSourceFile(file, read(join(folder, 'src', file)), ts.ScriptTarget.Latest, true);
    const codes = [];
    const collect = (node) => {
      if (ts.isStringLiteral(node)) codes.push(node.text);
      node.forEachChild(collect);
    };
    source.forEachChild((node) => {
      if (ts.isTypeAliasDeclaration(node) && /Error(Code|Kind)$/.test(node.name.text)) collect(node);
    });
    return codes;
  });
}

test('every error code stands in the README of its package', () => {
  const missing = packages.flatMap(({ folder }) => {
    const readme = read(`${folder}/README.md`);
    return errorCodesOf(folder)
      .filter((code) => !readme.includes(`\`${code}\``))
      .map((code) => `${folder}: ${code}`);
  });
  expect(packages.flatMap(({ folder }) => errorCodesOf(folder)).length).toBeGreaterThan(50);
  expect(missing).toEqual([]);
});

/** Names of the members of a type: its own, those of a union's or intersection's parts, of what it extends in its file. */
function membersOf(node, source) {
  const names = [];
  const visit = (part) => {
    if (ts.isPropertySignature(part) || ts.isMethodSignature(part)) {
      names.push(part.name.getText());
      // Nothing: a value would end the walk behind the first member.
      return;
    }
    const referred = ts.isTypeReferenceNode(part)
      ? part.typeName
      : ts.isExpressionWithTypeArguments(part) && part.expression;
    const found = source.statements.find((one) => ts.isInterfaceDeclaration(one) && one.name.text === referred?.text);
    if (found !== undefined && found !== node) names.push(...membersOf(found, source));
    part.forEachChild(visit);
  };
  node.forEachChild(visit);
  return names;
}

/** Members of the exported types named `…Options` that a README does not name. */
function untoldOptions({ folder, name, manifest }) {
  const readme = read(`${folder}/README.md`);
  const entries = Object.values(manifest.exports).flatMap((entry) => entry['@schemahub/source'] ?? []);
  const exported = entries.map((path) => read(`${folder}/${path.slice(2)}`)).join('\n');
  const files = readdirSync(join(root, folder, 'src'), { recursive: true }).filter(
    (file) => file.endsWith('.ts') && !/\.test\.ts$|testing/.test(file),
  );
  return files.flatMap((file) => {
    const source = ts.createSourceFile(file, read(join(folder, 'src', file)), ts.ScriptTarget.Latest, true);
    return source.statements
      .filter((node) => ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node))
      .filter((node) => node.name.text.endsWith('Options'))
      .filter((node) => new RegExp(`\\b${node.name.text}\\b`).test(exported))
      .flatMap((node) => membersOf(node, source).map((option) => ({ at: node.name.text, option })))
      .filter(({ option }) => !new RegExp(`\\b${option}\\b`).test(readme))
      .map(({ at, option }) => `${name}: ${at}.${option}`);
  });
}

test('every option of an exported factory stands in the README of its package', () => {
  expect(packages.flatMap(untoldOptions)).toEqual([]);
});

/** The `## Errors` section of a package's README, without its heading. */
function errorsSection(folder) {
  return /^## Errors\n+([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(read(`${folder}/README.md`))?.[1].trim();
}

// `npx vitest run tools/docs.test.mjs -u` writes the page anew.
test('docs/reference/errors.md is what the packages say', async () => {
  const sections = packages
    .map(({ folder, name }) => ({ name, text: errorsSection(folder) }))
    .filter(({ text }) => text !== undefined)
    .map(({ name, text }) => `## @schemahub/${name}\n\n${text}\n`);
  const head =
    '# Errors of the packages\n\nMade from the packages\u2019 READMEs; a test fails when it is stale. Errors have a `name`, a stable `code`, `retryable`, and often a `cause`.\n';
  expect(sections.length).toBeGreaterThan(10);
  await expect(`${head}\n${sections.join('\n')}`).toMatchFileSnapshot('../docs/reference/errors.md');
});

test('every page of docs/ can be reached from its index', () => {
  const index = read('docs/README.md');
  const reachable = pagesBelow('docs').filter(
    (page) => !/^docs\/(decisions|operations)\/|^docs\/README\.md$/.test(page),
  );
  expect(reachable.filter((page) => !index.includes(`(${page.slice('docs/'.length)})`))).toEqual([]);
});
