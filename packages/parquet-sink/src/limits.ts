/**
 * Limits that the writer keeps and the reader enforces, so that a damaged file cannot make a reader
 * allocate more than a sound one could.
 */

/** Rows of a row group, at most. Writers of other systems stay below it (DuckDB 122,880, Arrow 1,048,576). */
export const MAX_ROW_GROUP_ROWS = 4_194_304;

/** Uncompressed bytes of one page, at most. */
export const MAX_PAGE_BYTES: number = 256 * 1024 * 1024;

/** UTF-8 bytes of one text value, at most. */
export const MAX_TEXT_BYTES: number = 16 * 1024 * 1024;

/** Rows of one page, at most: five pages to a row group of the default size. */
export const PAGE_ROWS = 49_152;

/** A page of text ends with the value that reaches this many bytes. */
export const PAGE_TEXT_BYTES: number = 1024 * 1024;

/** DECIMAL(38,18): bytes, precision and scale. */
export const DECIMAL_BYTES = 16;
export const DECIMAL_PRECISION = 38;
export const DECIMAL_SCALE = 18;
