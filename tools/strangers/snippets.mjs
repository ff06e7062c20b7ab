// What the pages tell a reader to type: every ```sh block of `npx schemahub` lines, and every ```python block that needs
// no cluster, page after page in one folder as a reader would, against a simulated exchange.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Pages whose snippets are run, in this order. */
function pagesWithSnippets(root) {
  const howTo = readdirSync(join(root, 'docs/how-to')).map((name) => `docs/how-to/${name}`);
  return ['README.md', 'docs/getting-started.md', ...howTo].filter((page) => existsSync(join(root, page)));
}

/** `{ language, text }` of the blocks of a page that are run, in order. */
function snippetsOf(markdown) {
  const blocks = [...markdown.matchAll(/^```(sh|python)\n([\s\S]+?)^```$/gm)].map(([, language, text]) => ({
    language,
    text,
  }));
  return blocks.filter(({ language, text }) =>
    language === 'sh' ? /^npx schemahub /m.test(text) : !/\bspark\.|pyiceberg|snowflake/.test(text),
  );
}

/** Runs the blocks of one page; true when all ended with 0. */
function runPage({ root, page, folder, bin, url, python }) {
  const env = {
    ...process.env,
    PATH: `${bin}${delimiter}${process.env.PATH}`,
    COINBASE_API_URL: url,
    NO_COLOR: '1',
  };
  const snippets = snippetsOf(readFileSync(join(root, page), 'utf8'));
  return snippets.every(({ language, text }) => {
    const [command, args] =
      language === 'sh' ? ['bash', ['-euo', 'pipefail', '-c', text]] : [python, ['-B', '-c', text]];
    const { status, stdout, stderr } = spawnSync(command, args, {
      cwd: folder,
      env,
      encoding: 'utf8',
      timeout: 300_000,
    });
    if (status !== 0) console.log(`${page}:\n${text}\n${stdout}\n${stderr}`);
    return status === 0;
  });
}

/** `simulator` has answered at `url` since before; `one(title, ok)` counts a test. */
export function snippets({ root, scratch, cli, url, python, one }) {
  const bin = join(scratch, 'bin');
  mkdirSync(bin);
  // The pages say `npx schemahub`: here it is the build that is tested.
  writeFileSync(
    join(bin, 'npx'),
    `#!/bin/sh\n[ "$1" = schemahub ] && shift && exec "${process.execPath}" "${cli}" "$@"\nexit 127\n`,
    { mode: 0o755 },
  );
  const folder = join(scratch, 'reader');
  mkdirSync(folder);
  for (const page of pagesWithSnippets(root)) {
    one(`what ${page} tells a reader to type`, runPage({ root, page, folder, bin, url, python }));
  }
}
