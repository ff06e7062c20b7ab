export { createBottleneckQueue } from './bottleneck-queue.js';
export type { AdaptiveOptions, BudgetOptions } from './budget.js';
export type { BudgetSnapshot } from './budgets.js';
export { type Clock, systemClock } from './clock.js';
export { RateLimitError, type RateLimitErrorCode } from './errors.js';
export type { RateLimitEvent } from './events.js';
export { createPace, type Decision, decide, type Pace } from './gcra.js';
export {
  createRateLimiter,
  type Priority,
  type RateLimiter,
  type RateLimiterSnapshot,
  type ScheduleOptions,
} from './limiter.js';
export type { RateLimiterOptions } from './options.js';
export type { Cost } from './plan.js';
export { createFifoQueue, type TurnQueue } from './queue.js';
