import { exitCodes } from './exit-codes.js';

/** Exit code of an error that ended a command, by its name and code. Whatever is not named here is a plain error. */
const codes: Readonly<Record<string, number>> = {
  UsageError: exitCodes.usage,
  MappingError: exitCodes.usage,
  'IngestError:invalid-option': exitCodes.usage,
  'TableError:invalid-option': exitCodes.usage,
  'TableError:unknown-source': exitCodes.usage,
  'TableError:mapping-changed': exitCodes.usage,
  'TableError:schema-changed': exitCodes.usage,
  'TableError:wrong-partition': exitCodes.damage,
  'TableError:too-many-bad': exitCodes.damage,
  'TableError:ids-lost': exitCodes.damage,
  'LakeError:damaged-raw': exitCodes.damage,
  'LakeError:damaged-evidence': exitCodes.damage,
  'LakeError:damaged-commit': exitCodes.damage,
  'LakeError:damaged-file-list': exitCodes.damage,
  'LakeError:missing-object': exitCodes.damage,
  'LakeError:retired': exitCodes.usage,
  'LakeError:pinned': exitCodes.usage,
  'IngestError:exchange-unavailable': exitCodes.unavailable,
  'IngestError:id-space-changed': exitCodes.damage,
  'IngestError:other-origin': exitCodes.usage,
  'IcebergError:foreign-snapshot': exitCodes.damage,
  'IcebergError:damaged-file': exitCodes.damage,
  'IcebergError:missing-object': exitCodes.damage,
  // Somebody stopped in the midst of a write: as if it held a lease.
  'StoreError:locked': exitCodes.held,
  QueryError: exitCodes.error,
  // What to set, allow or make before any run can work: configuration, although AWS found it.
  'StoreError:access-denied': exitCodes.usage,
  'StoreError:not-found': exitCodes.usage,
  'StoreError:credentials': exitCodes.usage,
  'StoreError:wrong-region': exitCodes.usage,
  'StoreError:clock-skew': exitCodes.usage,
  'StoreError:no-conditional-writes': exitCodes.usage,
  'CoordinationError:no-table': exitCodes.usage,
  'CoordinationError:access-denied': exitCodes.usage,
  'CoordinationError:credentials': exitCodes.usage,
};

/** An error as one sentence for a person, and the exit code it means. */
export function explainError(error: unknown): { readonly sentence: string; readonly code: number } {
  if (!(error instanceof Error)) return { sentence: String(error), code: exitCodes.error };
  const own = (error as { code?: unknown }).code;
  const code = codes[`${error.name}:${String(own)}`] ?? codes[error.name] ?? exitCodes.error;
  return { sentence: error.message, code };
}
