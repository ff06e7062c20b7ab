export {
  createTables,
  type DynamoItem,
  type DynamoSim,
  putItem,
  scanTable,
  startDynamoSim,
  type TableNames,
} from './dynamo.js';
export { S3SimError } from './s3-error.js';
export type { S3Operation } from './s3-operations.js';
export {
  type S3Fault,
  type S3Request,
  type S3Sim,
  type S3SimOptions,
  simCredentials,
  startS3Sim,
} from './s3-server.js';
export type { SimCredentials } from './s3-signature.js';
export type { Bucket, SimObject } from './s3-state.js';
