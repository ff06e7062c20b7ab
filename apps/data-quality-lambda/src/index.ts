import { openDataQuality } from '@schemahub/runtime/data-quality';
import { createHandler, type QualityEvent, type QualityResponse } from './handler.js';

/** The function that Lambda calls; everything is opened at its first call. */
export const handler: (event?: QualityEvent) => Promise<QualityResponse> = createHandler(openDataQuality);
