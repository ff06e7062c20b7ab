/**
 * Part of every file (`created_by`). Raised whenever equal rows and options give other bytes than before: identity of
 * bytes holds per writer version.
 */
export const WRITER_VERSION = '1.3.0';
