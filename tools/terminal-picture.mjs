// docs/demo.svg: what `schemahub demo` prints, as a picture of a terminal. `node tools/terminal-picture.mjs` draws it anew.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
export const picture = join(root, 'docs/demo.svg');
const COLUMNS = 80;
const [LINE, CHARACTER, MARGIN] = [18, 8.02, 16];

/** Output of a demo in a folder of its own, its long lines folded as a terminal folds them. */
function runDemo(cli) {
  const folder = mkdtempSync(join(tmpdir(), 'schemahub-picture-'));
  try {
    const { status, stdout, stderr } = spawnSync(process.execPath, [cli, 'demo'], { cwd: folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(`demo ended with ${status}\n${stderr}`);
    return stdout.trim();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const escapeXml = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Long lines as the program folds them in a terminal: between words. */
function fold(text) {
  const pattern = new RegExp(`.{1,${COLUMNS}}(?= |$)`, 'g');
  return text
    .split('\n')
    .flatMap((line) => (line.length <= COLUMNS ? [line] : line.match(pattern).map((part) => part.trimStart())));
}

function colorOf(line) {
  if (line.startsWith('$')) return '#7ee787';
  return /^PROVEN/.test(line) ? '#ffd866' : '#d0d7de';
}

function drawTerminal(output) {
  const lines = fold(`$ npm start\n\n${output}`);
  const [width, height] = [Math.round(COLUMNS * CHARACTER + 2 * MARGIN), lines.length * LINE + 2 * MARGIN];
  const texts = lines.map((line, row) => {
    const y = MARGIN + row * LINE + 13;
    return line === ''
      ? ''
      : `<text x="${MARGIN}" y="${y}" fill="${colorOf(line)}" xml:space="preserve">${escapeXml(line)}</text>\n`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="What npm start prints">
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13.3">
${texts.join('')}</g>
</svg>
`;
}

/** A picture without what differs from run to run: times, hashes, bytes. */
export function shapeOf(svg) {
  return svg.replace(/[0-9a-f]{8,}/g, 'H').replace(/[\d.,]+/g, 'N');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(picture, drawTerminal(runDemo(join(root, 'apps/cli/dist/schemahub.mjs'))));
}

/** Whether the picture in docs/ shows what the demo prints today, numbers aside. */
export function isPictureFresh(cli) {
  return shapeOf(readFileSync(picture, 'utf8')) === shapeOf(drawTerminal(runDemo(cli)));
}
