export {
  buryCommit,
  type CommitBody,
  type CommitKind,
  type CommitProduct,
  type CommitSource,
  createCommit,
  latestCommitNumber,
  listCommitNumbers,
  readCommit,
  type StoredCommit,
  type Tombstone,
} from './commit.js';
export { LakeError, type LakeErrorCode } from './errors.js';
export {
  type Evidence,
  type EvidenceFold,
  type EvidenceRequest,
  foldEvidence,
  listProducts,
  parseEvidence,
  readCondemned,
  readEvidence,
  type VoidRun,
  writeEvidence,
} from './evidence.js';
export { BLOCK_IDS, type DataFile, type FileList, readFileList, sortFiles, writeFileList } from './file-list.js';
export {
  createLayout,
  decodeSegment,
  encodeSegment,
  hash128,
  type Layout,
  type LayoutOptions,
  padNumber,
} from './keys.js';
export { type OpenRawObject, openRawObject } from './open-raw-object.js';
export {
  hashedPart,
  hashRows,
  ingestTsOf,
  MAX_OBJECT_SPAN,
  type PackedRows,
  packRows,
  type RawRows,
} from './packed-rows.js';
export {
  createIdReader,
  decodeRawObject,
  digestOfRawNames,
  encodeRawObject,
  idsOfRawObject,
  type Landed,
  landRawObject,
  listRawNames,
  lostRawKeys,
  type ObjectRows,
  parseRawName,
  type RawContents,
  type RawName,
  type ReadId,
  readLastLine,
  readRawObject,
} from './raw.js';
export {
  type Change,
  commitChange,
  fileListOf,
  type ProductChange,
  readHead,
  readSnapshot,
  type Snapshot,
} from './snapshot.js';
export { landUnnumberedRows, parseUnnumberedName, type UnnumberedName } from './unnumbered.js';
