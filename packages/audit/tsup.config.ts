import { defineConfig } from 'tsup';
import { library } from '../../tsup.preset.js';

export default defineConfig(library({ index: 'src/index.ts', certificate: 'src/certificate/index.ts' }));
