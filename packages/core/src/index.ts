export type { Clock } from './clock.js';
export { ExchangeError, type ExchangeErrorKind, type ExchangeErrorOptions, type TransientCause } from './errors.js';
export type {
  BudgetSpec,
  CallCost,
  CallOptions,
  CallPriority,
  Connector,
  CursorConnector,
  CursorPage,
  CursorRow,
  ExchangeCall,
  ExchangePolicy,
  ExchangeReply,
  Head,
  Outcome,
  ProbeAnswer,
  ProbeOptions,
  Product,
  SendOptions,
  TradeFacts,
  TradePage,
  Transport,
  UnnumberedRows,
  WindowedConnector,
} from './exchange.js';
export { tradesUnified, tradesUnifiedWithDecimals } from './trades-schema.js';
