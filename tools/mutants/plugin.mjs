// Applies one mutant: to a bundle by esbuild, to the tests by vitest. The tree itself is never touched.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The mutated source. Throws when the piece is not there exactly once: the mutant must be brought to the new source. */
export function mutate({ name, file, find, replace, prepend = '' }) {
  const source = readFileSync(join(root, file), 'utf8');
  const parts = source.split(find);
  if (parts.length !== 2)
    throw new Error(
      `mutant "${name}": its piece is in ${file} ${parts.length - 1} times, expected once. Bring it to the new source.`,
    );
  return prepend + parts.join(replace);
}

export function esbuildMutant(mutant) {
  const path = join(root, mutant.file);
  return {
    name: 'mutant',
    setup: (build) => {
      build.onLoad({ filter: /\.ts$/ }, (args) =>
        args.path === path ? { contents: mutate(mutant), loader: 'ts' } : undefined,
      );
    },
  };
}

export function vitestMutant(mutant) {
  const path = join(root, mutant.file);
  return {
    name: 'mutant',
    enforce: 'pre',
    transform: (_code, id) => (id.split('?')[0] === path ? { code: mutate(mutant), map: null } : undefined),
  };
}
