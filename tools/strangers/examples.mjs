// The first example of every published package's README, and what it says that it prints.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readWorkspaces } from '../layers/table.mjs';

/** `{ folder, name, code }` of every package, `code` being the first ```ts block of its README. */
export function readExamples(root) {
  return readWorkspaces(root)
    .filter(({ group, folder }) => group === 'packages' && existsSync(join(root, folder, 'README.md')))
    .map(({ folder, name, manifest }) => {
      const readme = readFileSync(join(root, folder, 'README.md'), 'utf8');
      const code = /^```ts\n([\s\S]+?)^```$/m.exec(readme)?.[1] ?? '';
      return { folder, name, manifest, code };
    });
}

/** The programs of examples/recipes, as examples of no package: `{ name, code }`. */
export function readRecipes(root) {
  const folder = join(root, 'examples/recipes/src');
  return readdirSync(folder).map((file) => ({
    name: `recipe-${file.replace(/\.ts$/, '')}`,
    code: readFileSync(join(folder, file), 'utf8'),
  }));
}

/** What a comment claims of the line printed: up to an ellipsis, a semicolon or a colon that explains it. */
function claimOf(comment) {
  const value = /^[{[][^…]*?([}\]]|…)/.exec(comment)?.[0];
  return (value ?? comment.split(/…|; |: /)[0]).replace('…', '').trim();
}

/** Claims of `console.log(…); // claim` lines that the output does not bear out. */
export function brokenClaims(code, output) {
  const printed = output.replace(/\s+/g, ' ');
  return [...code.matchAll(/^\s*console\.log\(.*\); \/\/ (.+)$/gm)]
    .map(([, comment]) => claimOf(comment))
    .filter((claim) => !printed.includes(claim));
}
