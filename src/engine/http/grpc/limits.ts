/** Limits of connections to gRPC servers that no directive sets. */

/** Header blocks of a response, in frames. */
export const headerBlockBytesMax: number = 64 * 1024

/** SETTINGS and PING of a server within one call that carry none of it. */
export const controlFramesMax = 1000

/** Fields behind a body, as they are decoded. */
export const trailerBytesMax = 8192

/** What a server may send before it is told that there is more room: half of the largest window. */
export const windowRefillBytes: number = 2 ** 30
