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

/** Longest name in a DNS message, RFC 1035 §2.3.4: 255 bytes with length bytes, so 253 as text. */
export const dnsNameCharsMax = 253

/** Longest label, RFC 1035 §2.3.4. */
export const dnsLabelBytesMax = 63

/** CNAMEs followed for one name; a chain longer than that is a loop or a trap. */
export const dnsAliasesMax = 16

/** Names whose addresses a resolver remembers. */
export const resolverCacheEntriesMax = 4096

/** Questions that wait for one name server; more are refused rather than queued. */
export const resolverPendingMax = 4096

/** How long one name server is waited for before the next is asked. */
export const resolverAttemptMs = 2000

/** Questions for one name, over all name servers. */
export const resolverAttemptsMax = 16

/** Records are not believed for longer: a week. */
export const resolverTtlMaxMs = 604_800_000

/** How long addresses hold when one of the two families could not be asked for. */
export const resolverPartialTtlMs = 5000

/** Shortest time between two look-ups of a member's name, for records with tiny TTLs. */
export const refreshMinMs = 1000

/** When a member's name could not be looked up, it is tried again after that. */
export const refreshRetryMs = 10_000

/** How often a queue looks whether a server came back, or was given back by another worker. */
export const queueLookMs = 50

/** Longest name of a server for clients that are bound to it, as in nginx. */
export const routeBytesMax = 32

/** Requests that may wait for a server; each is a connection of a client. */
export const queueWaitersMax = 1_000_000
