import { type ArgumentHandler, type OptionHandler, RootCommand } from '@bomb.sh/tab';
import { loadSeed } from '@schemahub/runtime/seed';
import { type CommandSpec, commonOptions, optionsOf } from './command.js';

/** Shells whose Tab key we can serve. */
export const shells = ['bash', 'zsh', 'fish', 'powershell'] as const;
export type Shell = (typeof shells)[number];

/** Answers to `schemahub complete -- WORDS`, and the script that asks for them: both from the table of commands. */
export function createCompletions(commands: readonly CommandSpec[], products: readonly string[]): RootCommand {
  const tab = new RootCommand();
  // The shell completes file names itself where nothing is offered.
  const free: OptionHandler = () => undefined;
  for (const spec of commands) {
    const command = tab.command(spec.name, spec.summary);
    for (const option of optionsOf(spec)) {
      const short = option.aliases?.find((alias) => alias.length === 1);
      if (option.value === undefined) command.option(option.name, option.doc, short);
      else command.option(option.name, option.doc, free, short);
    }
    if (spec.args?.includes('PRODUCT') === true) {
      const offerProducts: ArgumentHandler = (complete) => {
        for (const product of products) complete(product, '');
      };
      command.argument('product', offerProducts, true);
    }
  }
  for (const option of commonOptions) tab.option(option.name, option.doc);
  return tab;
}

/** Answers one request of a shell's Tab key: `words` is what stands behind `schemahub` so far. Prints to stdout. */
export async function answerCompletion(commands: readonly CommandSpec[], words: readonly string[]): Promise<void> {
  // A broken product list must not break the Tab key.
  const seed = await loadSeed('coinbase', undefined).catch(() => undefined);
  createCompletions(commands, seed?.productIds ?? []).parse([...words]);
}
