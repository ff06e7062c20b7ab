import type { Clock } from '@schemahub/core';
import { createLayout, type Layout } from '@schemahub/lake';
import { createFolderStore, type ObjectStore } from '@schemahub/object-store';
import { openS3, prefixInLake } from './aws.js';
import type { Config } from './config.js';
import { processEnvironment } from './environment.js';
import { createFileCache, defaultCacheFolder, type LocalFiles } from './file-cache.js';
import { lakePlaceOf } from './lake-place.js';
import type { Traffic } from './traffic.js';

interface OpenStore {
  readonly store: ObjectStore;
  readonly layout: Layout;
  readonly local?: LocalFiles;
  readonly sweep?: (now: number) => Promise<void>;
}

/** The store of a lake, and where everything lies in it. */
export async function openStore(config: Config, clock: Clock, traffic: Traffic): Promise<OpenStore> {
  const place = lakePlaceOf(config);
  const raw = config.optionalText('raw-prefix');
  const unified = config.optionalText('unified-prefix');
  if (place.kind === 'folder') {
    const store = createFolderStore({ folder: place.folder, sleep: clock.sleep });
    return { store, sweep: store.sweep, layout: createLayout({ rawPrefix: raw, unifiedPrefix: unified }) };
  }
  const [ownRaw, ownUnified] = [prefixInLake(place, raw), prefixInLake(place, unified)];
  const fromRoot = [...ownRaw.fromRoot, ...ownUnified.fromRoot];
  const store = await openS3({ place, config, clock, fromRoot, traffic });
  const cacheFolder = config.optionalText('cache-dir') ?? defaultCacheFolder(processEnvironment().XDG_CACHE_HOME);
  return {
    store,
    layout: createLayout({ rawPrefix: ownRaw.key, unifiedPrefix: ownUnified.key }),
    local: createFileCache({
      store,
      folder: cacheFolder,
      now: clock.now,
      maxBytes: config.number('max-fetch') * 1_000_000,
    }),
  };
}
