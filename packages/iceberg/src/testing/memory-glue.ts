import type { GlueApi, GlueTable, GlueTableInput } from '../glue-catalog.js';

/** A Glue in memory, with version checks as on AWS, for one table. */
export interface MemoryGlue extends GlueApi {
  /** What is stored, for assertions and for playing another engine. */
  readonly stored: () => GlueTable | undefined;
  readonly put: (parameters: Readonly<Record<string, string>>) => void;
}

export function createMemoryGlue(): MemoryGlue {
  let table: GlueTable | undefined;
  let version = 0;
  const store = (parameters: Readonly<Record<string, string>>, input?: GlueTableInput): void => {
    table = { versionId: String(version++), parameters: { ...parameters }, rest: input === undefined ? {} : { input } };
  };
  return {
    stored: () => table,
    put: (parameters) => store(parameters),
    getTable: async () => table,
    createTable: async (input) => {
      if (table !== undefined) return 'exists';
      store(input.parameters, input);
      return 'created';
    },
    updateTable: async (input, base) => {
      if (table?.versionId !== base.versionId) return 'conflict';
      store(input.parameters, input);
      return 'updated';
    },
  };
}
