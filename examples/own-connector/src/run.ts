// `node run.js [FOLDER]`: the made-up venue, and everything that it ever traded as a proven table.
import { systemClock as clock } from '@schemahub/connector-kit';
import { collect } from './collect.js';
import { startLemonVenue } from './lemon-venue.js';

const venue = await startLemonVenue(clock.now, 8797); // a lake remembers the address: always the same one
const { certificate, days } = await collect({ folder: process.argv[2] ?? './lemon-lake', origin: venue.origin, clock });
venue.stop();
const { totals, verdict } = certificate;
console.log(`${verdict}: ${totals.in_table} in the table, ${totals.void} void, ${totals.missing} missing`);
for (const [day, trades, volume] of days) console.log(`${day}: ${trades} trades, ${volume} lemons`);
