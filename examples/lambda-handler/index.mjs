// The function's entry: bundle this file (`esbuild index.mjs --bundle --platform=node --format=esm --outfile=index.mjs`), zip it, and
// set BUCKET. Rights: s3:GetObject, s3:PutObject, s3:ListBucket on the bucket; nothing is ever deleted by fetching but leases.
import { systemClock } from '@schemahub/connector-kit';
import { createS3Store } from '@schemahub/object-store/s3';
import { createHandler } from './src/handler.ts';

const bucket = process.env.BUCKET;
if (bucket === undefined) throw new Error('BUCKET: expected the name of a bucket, got nothing.');
const store = createS3Store({
  bucket,
  prefix: 'schemahub',
  region: process.env.AWS_REGION ?? 'us-east-1',
  sleep: systemClock.sleep,
  random: Math.random,
  createId: () => crypto.randomUUID(),
});
export const handler = createHandler({ store, clock: systemClock });
