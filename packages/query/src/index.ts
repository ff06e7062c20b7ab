export type {
  Catalog,
  MacroInfo,
  QueryColumn,
  QueryCost,
  QueryEngine,
  QueryResult,
  QueryRow,
  QueryValue,
  RunOptions,
  TableInfo,
} from './engine.js';
export { QueryError, type QueryErrorCode } from './errors.js';
export { type FormatOptions, formatResult, isTextFormat, type TextFormat, textFormats } from './format.js';
export { type PromptOptions, type PromptReport, runPrompt } from './prompt.js';
export { type SplitSql, splitStatements } from './sql-text.js';
