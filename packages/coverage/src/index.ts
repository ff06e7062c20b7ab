export {
  type Account,
  type AccountSets,
  account,
  MAX_RANGES,
  requireFewRanges,
  wantedIds,
  watermark,
} from './account.js';
export { CoverageError, type CoverageErrorCode } from './errors.js';
export { type IdRange, MAX_ID, RangeSet } from './range-set.js';
