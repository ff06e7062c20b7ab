// Reads the one table (layers.mjs): which row belongs to a package, which workspaces exist, how high each one stands.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const SCOPE = '@schemahub/';

/** The row of a package: its own name first, then the longest pattern (`connector-*`) that fits; undefined if it has none. */
export function rowOf(layers, name) {
  if (Object.hasOwn(layers, name)) return layers[name];
  const patterns = Object.keys(layers).filter((key) => key.endsWith('*') && name.startsWith(key.slice(0, -1)));
  const best = patterns.sort((a, b) => b.length - a.length)[0];
  return best === undefined ? undefined : layers[best];
}

/** Every workspace of the tree: `{ folder: 'packages/lake', group: 'packages', name: 'lake', manifest }`. */
export function readWorkspaces(root) {
  const folders = [];
  for (const group of ['packages', 'internal', 'apps', 'examples']) {
    if (!existsSync(join(root, group))) continue;
    for (const entry of readdirSync(join(root, group), { withFileTypes: true })) {
      if (entry.isDirectory()) folders.push({ folder: `${group}/${entry.name}`, group, name: entry.name });
    }
  }
  for (const name of ['mappings', 'bench']) folders.push({ folder: name, group: name, name });
  return folders
    .filter(({ folder }) => existsSync(join(root, folder, 'package.json')))
    .map((workspace) => ({
      ...workspace,
      manifest: JSON.parse(readFileSync(join(root, workspace.folder, 'package.json'), 'utf8')),
    }))
    .sort((a, b) => (a.folder < b.folder ? -1 : 1));
}

/** Packages with what their row allows, expanded to the packages that exist. */
export function allowedImports(layers, packageNames) {
  return new Map(
    packageNames.map((name) => [name, (rowOf(layers, name) ?? []).filter((to) => packageNames.includes(to))]),
  );
}

/** How high a package stands: 0 if it imports nothing, else one above the highest package that it may import. */
export function levels(allowed) {
  const level = new Map();
  const climb = (name, path) => {
    if (path.includes(name))
      throw new Error(
        `layers.mjs goes in a circle: ${[...path, name].join(' -> ')}. Remove one of these rows' entries.`,
      );
    if (!level.has(name)) {
      const below = (allowed.get(name) ?? []).map((to) => climb(to, [...path, name]));
      level.set(name, below.length === 0 ? 0 : 1 + Math.max(...below));
    }
    return level.get(name);
  };
  for (const name of allowed.keys()) climb(name, []);
  return level;
}

/** What is wrong with the table itself: a package without a row, a row without a package, an entry that names nothing. */
export function checkTable(layers, packageNames) {
  const found = [];
  for (const name of packageNames) {
    if (rowOf(layers, name) === undefined) {
      found.push({
        rule: 'no-row',
        from: `packages/${name}`,
        to: 'layers.mjs',
        help: 'Give the package a row in layers.mjs.',
      });
    }
  }
  for (const [name, row] of Object.entries(layers)) {
    if (!name.endsWith('*') && !packageNames.includes(name)) {
      found.push({
        rule: 'row-without-package',
        from: 'layers.mjs',
        to: name,
        help: 'Remove the row, or add the package.',
      });
    }
    for (const to of row.filter((entry) => !packageNames.includes(entry))) {
      found.push({
        rule: 'row-without-package',
        from: `layers.mjs: ${name}`,
        to,
        help: 'The row names a package that does not exist.',
      });
    }
  }
  return found;
}
