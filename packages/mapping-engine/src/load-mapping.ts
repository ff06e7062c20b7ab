import { checkMapping, type LoadMappingOptions } from './check-mapping.js';
import type { Mapping } from './mapping.js';

/**
 * A checked, frozen mapping from its YAML text. Throws the first MappingError: an unknown field, column or
 * transform with file, line and the name that was probably meant.
 */
export async function loadMapping(text: string, options: LoadMappingOptions): Promise<Mapping> {
  const { mapping, problems } = await checkMapping(text, options);
  if (mapping === undefined) throw problems[0]!;
  return mapping;
}
