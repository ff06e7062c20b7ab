/** An SQL string. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** An SQL name, quoted. */
export function quotedName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** An SQL list of strings. */
export function literalList(texts: readonly string[]): string {
  return `[${texts.map(literal).join(', ')}]`;
}

/**
 * A list of strings as the *text* of a list. A setting that is given so is read about three times as fast as a list of
 * 100,000 literals (1.1 s against 3.3 s, and a fifth of the memory).
 */
export function listText(texts: readonly string[]): string {
  const quoted = texts.map((text) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`);
  return literal(`[${quoted.join(', ')}]`);
}
