export { embeddedFixtures, embeddedMappings, embeddedSeeds } from './embedded.js';
