/** The second entry of the build (tsup.config.ts): every chunk of it lies in the same folder. */
export const threadEntry: URL = new URL('./block-thread.mjs', import.meta.url);
