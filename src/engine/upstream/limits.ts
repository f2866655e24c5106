/** Limits of this layer, each with its unit and its reason. */

/** Bytes of a configured `zone` that one peer is reckoned at, as nginx needs about so many. */
export const zonePeerBytes = 256

/** Smallest zone: eight pages, as in nginx. */
export const zoneBytesMin = 32_768

/** Longest key of a peer in a zone; longer ones (paths of unix sockets) become digests. */
export const zoneKeyBytesMax = 128

/** Longest name of a group in such a key: an IP address has room behind it. */
export const zoneGroupBytesMax = 64

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

/** Active checks that one group may have: each has two bits in the record of a peer. */
export const probesMax = 8

/** How often a process says that it probes a group, and others look whether it still does. */
export const probeTickMs = 1000

/** Who probes a group and has been silent for so long is taken for stopped. */
export const probeLeaseMs = 10_000

/** Checks under way at one time in a process; further ones wait. */
export const probesAtOnceMax = 64

/** How much of a body is looked at, as in nginx. */
export const probeBodyBytesMax = 262_144

/** What a server of TCP or UDP may say before it has said what is expected. */
export const probeReplyBytesMax = 65_536

/** Datagrams that no answer is expected to are taken for well received after that without an error. */
export const probeSilenceMs = 1000

/** Longest name of a server for clients that are bound to it, as in nginx. */
export const routeBytesMax = 32

/** Requests that may wait for a server; each is a connection of a client. */
export const queueWaitersMax = 1_000_000
