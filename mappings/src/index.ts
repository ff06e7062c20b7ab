export { embeddedFixtures, embeddedMappings, embeddedSeeds } from './embedded.js';
export { parsedMappings } from './parsed.js';
