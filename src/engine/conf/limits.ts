/**
 * Limits of reading a configuration. Whoever can write a configuration, or a fragment of one through the
 * API, must not be able to exhaust the process that reads it.
 */

/** Raw bytes of one token or comment: nginx's read buffer, whose limit its users know. */
export const tokenBytesMax = 4096

/** Blocks within blocks, includes counted in. nginx's own contexts nest by `location` and `if` only. */
export const blockDepthMax = 128

/** Files that include one another. */
export const includeDepthMax = 32

/** Length of one file: 100,000 virtual servers written out are about 40 million characters. */
export const fileCharsMax: number = 256 * 1024 * 1024

/** Directives that `include` may bring in, all occurrences counted: ends chains of files that double. */
export const includedDirectivesMax = 5_000_000

/** Diagnostics collected from one file before its reader gives up. */
export const diagnosticsMax = 100
