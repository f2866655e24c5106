/** Limits of this layer, each with its unit and its reason. */

/** Bytes of a configured `zone` that one peer is reckoned at, as nginx needs about so many. */
export const zonePeerBytes = 256

/** Smallest zone: eight pages, as in nginx. */
export const zoneBytesMin = 32_768

/** Longest key of a peer in a zone; longer ones (unix paths of long-named groups) become digests. */
export const zoneKeyBytesMax = 128

/** Picks by hash or by chance that may fall on unusable peers before round robin decides, as in nginx. */
export const picksMax = 20

/** Points of a consistent hash ring; nginx makes 160 per unit of weight without limit. */
export const ringPointsMax = 4_194_304

/** Longest path of a unix socket: `sun_path` less its terminating zero. */
export const unixPathBytesMax = 107

/** Greatest weight of a peer: sums of all weights stay exact. */
export const weightMax = 1_000_000_000
