import fc from 'fast-check';
import type { PageHeader } from 'hyparquet';
import { ByteWriter } from 'hyparquet-writer/src/bytewriter.js';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';
import { expect, it } from 'vitest';
import { encodePageHeader } from './page-header.js';

const size = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const common = {
  uncompressed_page_size: size,
  compressed_page_size: size,
  crc: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
};
const headers: fc.Arbitrary<PageHeader> = fc.oneof(
  fc.record({
    type: fc.constant('DICTIONARY_PAGE' as const),
    ...common,
    dictionary_page_header: fc.record({
      num_values: size,
      encoding: fc.constantFrom('PLAIN' as const, 'PLAIN_DICTIONARY' as const),
    }),
  }),
  fc.record({
    type: fc.constant('DATA_PAGE' as const),
    ...common,
    data_page_header: fc.record({
      num_values: size,
      encoding: fc.constantFrom('PLAIN' as const, 'PLAIN_DICTIONARY' as const),
      definition_level_encoding: fc.constant('RLE' as const),
      repetition_level_encoding: fc.constant('RLE' as const),
    }),
  }),
  fc.record({
    type: fc.constant('DATA_PAGE_V2' as const),
    ...common,
    data_page_header_v2: fc.record({
      num_values: size,
      num_nulls: size,
      num_rows: size,
      encoding: fc.constantFrom(
        'PLAIN' as const,
        'RLE_DICTIONARY' as const,
        'DELTA_BINARY_PACKED' as const,
        'DELTA_BYTE_ARRAY' as const,
      ),
      definition_levels_byte_length: size,
      repetition_levels_byte_length: size,
      is_compressed: fc.boolean(),
    }),
  }),
);

it('writes the bytes that hyparquet-writer writes', () => {
  fc.assert(
    fc.property(headers, (header) => {
      const writer = new ByteWriter(256);
      writePageHeader(writer, header);
      expect(Buffer.compare(encodePageHeader(header), writer.getBytes())).toBe(0);
    }),
    { numRuns: 1000 },
  );
});
