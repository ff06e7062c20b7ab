// Links of the documents that lead out of the repository: `node tools/outside-links.mjs` lists them, `--ask` asks each once
// whether it is still there (a job of the weekly workflow does; tests have no network and check the form).
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const SKIPPED = new Set(['node_modules', '.git', '.terraform', 'dist', 'coverage', '.turbo', '.venv']);

function pagesBelow(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : pagesBelow(path);
    return entry.name.endsWith('.md') ? [path] : [];
  });
}

/** `{ page, url }` of every link in Markdown, and of every bare address outside of code. */
export function linksOf(page, text) {
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, '');
  const links = [...prose.matchAll(/\]\((\w+:[^)]*)\)/g)].map(([, url]) => url);
  const bare = [...prose.replace(/\]\([^)]*\)/g, '').matchAll(/\bhttps?:\/\/[^\s<>|)"“”]+/g)].map(([url]) =>
    url.replace(/[.,;:]+$/, ''),
  );
  return [...links, ...bare].map((url) => ({ page, url }));
}

export function outsideLinks() {
  return pagesBelow('.').flatMap((page) => linksOf(page, readFileSync(join(root, page), 'utf8')));
}

const OWN = /^https:\/\/github\.com\/schemahub\/schemahub\/(?:blob|tree)\/main\/([^#?]+)/;

/** What is wrong with the form of an address, in words; undefined: nothing. */
export function faultOf(url) {
  if (/^mailto:\S+@\S+\.\S+$/.test(url)) return undefined;
  if (!URL.canParse(url) || /\s/.test(url)) return 'is no address';
  const { protocol, hostname, username, port } = new URL(url);
  if (protocol !== 'https:') return 'is not https';
  if (username !== '' || port !== '') return 'has a user or a port';
  if (!/^[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}$/.test(hostname)) return 'has no host that everybody can reach';
  if (/(^|\.)example\.(com|org|net)$/.test(hostname)) return 'leads to an example';
  const own = OWN.exec(url)?.[1];
  return own !== undefined && !existsSync(join(root, own)) ? 'names a file that is not in the repository' : undefined;
}

async function ask(url) {
  const signal = AbortSignal.timeout(20_000);
  const headers = { 'user-agent': 'Mozilla/5.0 (link check)' };
  const reply = await fetch(url, { signal, headers }).catch((error) => ({ status: 0, error }));
  // 403 and 429 are the answers of sites that want no robots: the page is there.
  const ok = (reply.status >= 200 && reply.status < 400) || [403, 405, 429].includes(reply.status);
  return ok ? undefined : `${url}: ${reply.status || reply.error?.message}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const links = outsideLinks();
  for (const { page, url } of links) console.log(`${page}: ${url}`);
  if (process.argv.includes('--ask')) {
    const dead = (await Promise.all([...new Set(links.map(({ url }) => url))].map(ask))).filter(Boolean);
    console.log(dead.length === 0 ? 'No dead link.' : `Dead:\n${dead.join('\n')}`);
    process.exitCode = dead.length === 0 ? 0 : 1;
  }
}
