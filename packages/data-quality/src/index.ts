export { QualityError, type QualityErrorCode } from './errors.js';
export {
  badRecordShare,
  type Deduction,
  type DeductionName,
  type EvaluateOptions,
  evaluate,
  type Grade,
  type QualityResult,
  smallHoleShare,
} from './evaluate.js';
export { type CheckName, checkNames, type Finding } from './findings.js';
export { type LambdaBody, lambdaBody } from './lambda-body.js';
export { type ProductFacts, type QualityRow, type QualityRowsOptions, readQualityRows } from './quality-rows.js';
export {
  type QualityDialect,
  type QualityQuery,
  type QualityQueryName,
  type QualitySqlOptions,
  qualitySql,
} from './quality-sql.js';
export type { Measured, NotMeasured, ProductAge, QualitySummary } from './summary.js';
