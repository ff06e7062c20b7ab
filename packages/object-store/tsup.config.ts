import { defineConfig } from 'tsup';
import { library } from '../../tsup.preset.js';

export default defineConfig(library({ index: 'src/index.ts', s3: 'src/s3.ts', testing: 'src/testing/index.ts' }));
