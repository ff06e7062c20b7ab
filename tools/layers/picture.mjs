// Draws the layers as SVG and as a Markdown table, from the table alone. The colours are readable on white and on black.
import { allowedImports, levels } from './table.mjs';

const WIDTH = 1080;
const ROW_HEIGHT = 118;
const BOX_HEIGHT = 34;
const LEFT = 150;
const GAP = 20;
const TITLES = [
  'L0  knows one thing',
  'L1  contract, formats',
  'L2  one lake, one venue',
  'L3  the work',
  'L4  wiring',
  'L5  apps',
];
const FILLS = ['#1f6feb', '#1a7f5a', '#8250df', '#9a5b00', '#57606a', '#57606a'];

/** The private workspaces and apps stand above the packages; what they may import is a rule, not a row. */
const ABOVE = [
  { name: 'runtime', level: 4, note: 'internal' },
  { name: 'observability', level: 4, note: 'internal' },
  { name: 'exchange-sim', level: 4, note: 'internal' },
  { name: 'cli', level: 5, note: 'app' },
  { name: 'data-quality-lambda', level: 5, note: 'app' },
];

/** Edges that no longer path implies: A -> C is left out where A -> B -> C exists. */
export function reduceEdges(allowed) {
  const reaches = (from, to) => (allowed.get(from) ?? []).some((next) => next === to || reaches(next, to));
  return [...allowed].flatMap(([from, row]) =>
    row.filter((to) => !row.some((other) => other !== to && reaches(other, to))).map((to) => [from, to]),
  );
}

/** Nodes by row; an edge over several rows gets a thin placeholder in each, so that it runs between the boxes. */
function layOut(nodes, edges) {
  const rows = [[], [], [], [], [], []];
  for (const node of nodes) rows[node.level].push({ ...node, width: 22 + node.name.length * 7.6 });
  const paths = edges.map(([from, to]) => {
    const top = rows.flat().find((node) => node.name === from);
    const bottom = rows.flat().find((node) => node.name === to);
    const between = [];
    for (let level = top.level - 1; level > bottom.level; level--) between.push({ level, width: 4, thin: true });
    return [top, ...between, bottom];
  });
  for (const path of paths) for (const node of path) if (node.thin) rows[node.level].push(node);
  const links = paths.flatMap((path) => path.slice(1).map((node, index) => [path[index], node]));
  for (let pass = 0; pass < 24; pass++) {
    for (const row of pass % 2 === 0 ? rows : rows.toReversed()) {
      row.forEach((node, index) => {
        const near = links
          .filter((link) => link.includes(node))
          .map(([a, b]) => (a === node ? b : a))
          .filter((other) => other.x !== undefined);
        node.wish =
          near.length === 0 ? (node.x ?? index * 100) : near.reduce((sum, other) => sum + other.x, 0) / near.length;
      });
      row.sort((a, b) => a.wish - b.wish);
      spread(row);
    }
  }
  return { rows, paths };
}

/** Puts a row's nodes in order, at equal gaps, over the width. */
function spread(row) {
  const used = row.reduce((sum, node) => sum + node.width, 0);
  const gap = Math.max(GAP / 2, (WIDTH - LEFT - GAP - used) / (row.length + 1));
  let x = LEFT + gap;
  for (const node of row) {
    node.x = x + node.width / 2;
    x += node.width + gap;
  }
}

const round = (number) => Math.round(number * 10) / 10;

function drawPath(path, yOf) {
  const points = path.map((node, index) => ({
    x: node.x,
    y: yOf(node.level) + (node.thin ? BOX_HEIGHT / 2 : index === 0 ? BOX_HEIGHT : -7),
  }));
  let d = `M${round(points[0].x)} ${round(points[0].y)}`;
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1], points[i]];
    const middle = round((a.y + b.y) / 2);
    d += ` C${round(a.x)} ${middle} ${round(b.x)} ${middle} ${round(b.x)} ${round(b.y)}`;
  }
  return `  <path d="${d}" marker-end="url(#arrow)"/>`;
}

/** The picture. `workspaceNames` are the internal workspaces and apps that exist. */
export function drawPicture(layers, packageNames, workspaceNames) {
  const allowed = allowedImports(layers, packageNames);
  const level = levels(allowed);
  const above = ABOVE.filter(({ name }) => workspaceNames.includes(name));
  const nodes = [...packageNames.map((name) => ({ name, level: level.get(name) })), ...above];
  const wiring = above
    .filter((node) => node.name === 'runtime')
    .flatMap(({ name }) => {
      const used = new Set([...allowed.values()].flat());
      return packageNames.filter((to) => !used.has(to)).map((to) => [name, to]);
    });
  const apps = above.filter((node) => node.level === 5).map(({ name }) => [name, 'runtime']);
  const simulator =
    workspaceNames.includes('exchange-sim') && workspaceNames.includes('cli') ? [['cli', 'exchange-sim']] : [];
  const edges = [...reduceEdges(allowed), ...wiring, ...apps, ...simulator];
  const { rows, paths } = layOut(nodes, edges);
  const yOf = (at) => 24 + (rows.length - 1 - at) * ROW_HEIGHT;
  const labels = TITLES.map((title, at) => `  <text x="8" y="${yOf(at) + 22}" class="layer">${title}</text>`);
  const boxes = rows
    .flat()
    .filter((node) => !node.thin)
    .map((node) => {
      const [x, y] = [round(node.x - node.width / 2), yOf(node.level)];
      const dash = node.note === 'internal' ? ' stroke="#d0d7de" stroke-dasharray="4 3"' : '';
      const box = `<rect x="${x}" y="${y}" width="${round(node.width)}" height="${BOX_HEIGHT}" rx="6" fill="${FILLS[node.level]}"${dash}/>`;
      return `  ${box}<text x="${round(node.x)}" y="${y + 22}" class="box">${node.name}</text>`;
    });
  const height = yOf(0) + BOX_HEIGHT + 20;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="SchemaHub's packages in layers; an arrow means: may import">`,
    '  <!-- Made by tools/layers.mjs from layers.mjs: `pnpm layers:write`. -->',
    '  <style>text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}.box{fill:#fff;text-anchor:middle}.layer{fill:#7d8590;font-size:11px}path{fill:none;stroke:#7d8590;stroke-width:1.3}</style>',
    '  <defs><marker id="arrow" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" style="fill:#7d8590;stroke:none"/></marker></defs>',
    ...paths.map((path) => drawPath(path, yOf)),
    ...labels,
    ...boxes,
    '</svg>',
  ].join('\n')}\n`;
}

/** The table of docs/architecture.md: layer, package, its one sentence, its row. */
export function drawTable(layers, packages) {
  const allowed = allowedImports(
    layers,
    packages.map(({ name }) => name),
  );
  const level = levels(allowed);
  const sorted = packages.toSorted((a, b) => level.get(a.name) - level.get(b.name) || (a.name < b.name ? -1 : 1));
  const lines = sorted.map(({ name, description }) => {
    const row =
      allowed
        .get(name)
        .map((to) => `\`${to}\``)
        .join(' ') || 'nothing';
    return `| L${level.get(name)} | [\`${name}\`](../packages/${name}) | ${description} | ${row} |`;
  });
  return ['| layer | package | what it knows | may import |', '|---|---|---|---|', ...lines].join('\n');
}
