export { type TurnQueueCase, turnQueueCases } from './turn-queue-cases.js';
