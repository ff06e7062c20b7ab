export {
  bodyExcerpt,
  brokenExcerpt,
  callPath,
  classifyByStatus,
  type FailureFacts,
  fail,
  isJsonReply,
  parseRetryAfter,
} from './classify.js';
export {
  collectBelowUpwards,
  collectWindowUpwards,
  type ProbeUpwardsOptions,
  probeUpwards,
  type UpwardSource,
} from './collect-upwards.js';
export {
  type CollectBelowOptions,
  type CollectWindowOptions,
  collectBelow,
  collectWindow,
  type PageSource,
} from './collect-window.js';
export {
  type AskPage,
  type AskRaw,
  type ContractFact,
  type ContractFinding,
  checkContract,
  describeReply,
  idsText,
  looseJson,
  pageChecks,
  sameTwice,
  unless,
} from './contract.js';
export { type CursorWindowsOptions, windowsOverCursor } from './cursor-windows.js';
export { equalTrades } from './equal-trades.js';
export { ConnectorError, type ConnectorErrorCode, contractBreak, invalidOption } from './errors.js';
export type { FetchLike } from './fetch-like.js';
export { createFetchTransport, type FetchTransportOptions } from './fetch-transport.js';
export {
  areAnswersApart,
  type ConfirmedFloor,
  type ConfirmFloorOptions,
  confirmFloor,
  type FindFloorOptions,
  type FloorEvidence,
  findFloor,
  findProvisionalFloor,
  type ProvisionalFloor,
} from './find-floor.js';
export { fetchOnFreshConnection } from './fresh-connection.js';
export { type GridOptions, gridWindows } from './grid.js';
export { daysOf, estimateArchive, type MissingStretch, type PlanArchiveOptions, planArchive } from './plan-archive.js';
export { createRawFields, parseRawLine, parseRecord, type RawLine, type RawLineOptions, rawLine } from './raw-line.js';
export { type SeekTimeOptions, type SeekTimeResult, seekTime } from './seek-time.js';
export { arrayStart, parseJsonBody, type SlicedRecords, sliceElements, sliceRecords } from './slice-records.js';
export { systemClock } from './system-clock.js';
export { parseTradeId } from './trade-id.js';
export {
  type Judge,
  type RowReader,
  readRows,
  sendAndRead,
  type TradeRows,
  type TradesReply,
  uniqueRows,
} from './trade-rows.js';
export { parseTradeTime, type TradeTime } from './trade-time.js';
export {
  createCalls,
  encodeProduct,
  fieldText,
  isoOfMicros,
  jsonOf,
  parseOrigin,
  type VenueRequest,
  type VenueSend,
} from './venue-calls.js';
