import type { Document, LineCounter } from 'yaml';
import { MappingError } from './errors.js';

/** A parsed YAML text that can say on which line a part stands. */
export interface YamlDocument {
  readonly value: unknown;
  /** The 1-based line of the key (or list item) at a path, or of the nearest part of the path that exists. */
  readonly lineOf: (path: readonly (string | number)[]) => number;
}

interface YamlPair {
  readonly key: { readonly value: unknown; readonly range?: readonly number[] | null };
  readonly value: unknown;
}

/** Parses YAML 1.2. Throws MappingError YAML with the line of the first fault. The yaml library is loaded on first use. */
export async function parseYaml(text: string, file: string | undefined): Promise<YamlDocument> {
  // Through `default`: a bundler that splits CommonJS off into a chunk of its own keeps no other name.
  const { default: yaml } = await import('yaml');
  const lineCounter = new yaml.LineCounter();
  const fault = (reason: string, line: number, cause: unknown): MappingError =>
    new MappingError(`is no valid YAML: ${reason}.`, { code: 'YAML', file, line, cause });
  try {
    const document = yaml.parseDocument(text, { lineCounter, prettyErrors: false, logLevel: 'error' });
    // What the library only warns of (a tag that it does not know) it would read in a way nobody meant.
    const first = document.errors[0] ?? document.warnings[0];
    if (first !== undefined) throw fault(first.message, lineCounter.linePos(first.pos[0]).line, first);
    // Aliases are counted, so that a few lines cannot unfold into gigabytes.
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    return { value, lineOf: (path) => lineOfPath(document, lineCounter, path) };
  } catch (error) {
    // Too many aliases, or nesting deeper than the stack.
    throw error instanceof MappingError
      ? error
      : fault(error instanceof Error ? error.message : String(error), 1, error);
  }
}

function lineOfPath(document: Document, lineCounter: LineCounter, path: readonly (string | number)[]): number {
  let node: unknown = document.contents;
  let offset = rangeStart(node) ?? 0;
  for (const part of path) {
    const items = (node as { readonly items?: readonly unknown[] } | null)?.items;
    if (items === undefined) break;
    if (typeof part === 'number') {
      node = items[part];
      offset = rangeStart(node) ?? offset;
      continue;
    }
    const pair = (items as readonly YamlPair[]).find((item) => String(item.key?.value) === part);
    if (pair === undefined) break;
    offset = rangeStart(pair.key) ?? offset;
    node = pair.value;
  }
  return lineCounter.linePos(offset).line;
}

function rangeStart(node: unknown): number | undefined {
  return (node as { readonly range?: readonly number[] | null } | null | undefined)?.range?.[0];
}
