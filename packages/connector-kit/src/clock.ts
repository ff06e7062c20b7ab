// A door of its own: who only needs the time loads nothing that speaks to an exchange.
export { systemClock } from './system-clock.js';
