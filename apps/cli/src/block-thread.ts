import { parentPort, workerData } from 'node:worker_threads';

const { serveBlockThread } = await import('@schemahub/runtime/block-thread');
await serveBlockThread(parentPort, workerData);
