/**
 * Limits of HTTP/2 that no directive sets. Each keeps one peer from taking more than its share.
 */

/** Dynamic table of HPACK (RFC 7541 §4.2): the default of the protocol, in both directions. */
export const tableBytesMax = 4096

/** What a table entry counts for beyond its bytes (RFC 7541 §4.1). */
export const entryOverheadBytes = 32

/** Largest payload of a frame that we take; the protocol's least, which bounds what has to be kept. */
export const frameBytesMax = 16_384

/** Windows may not grow beyond this (RFC 9113 §6.9.1). */
export const windowBytesMax: number = 2 ** 31 - 1

/** Window of connection and streams before anybody says otherwise. */
export const windowBytesInitial = 65_535

/** How much of a body may be on its way while a handler reads it: 50 ms at 5 MB/s. */
export const bodyWindowBytes: number = 256 * 1024

/** CONTINUATION frames of one header block; their bytes are bounded by the size of a head. */
export const continuationsMax = 64

/** Streams that a client may reset, or have refused, at once, and what it may go on with per second. */
export const resetsBurstMax = 1000
export const resetsPerSecondMax = 33

/** Frames that ask for no work of their own (PING, SETTINGS, PRIORITY, empty DATA, …), likewise. */
export const idleFramesBurstMax = 10_000
export const idleFramesPerSecondMax = 100
/** What a frame of the client's with work in it earns. */
export const earnedByWorkFrames = 8
/** What a frame of ours earns that is not tiny: it is answered by window updates of stream and connection. */
export const earnedBySendingFrames = 2
export const tinyFrameBytesMax = 127

/** Streams that we reset and whose frames may still be on their way. */
export const rememberedResets = 64

/** How long a client has to answer the PING behind the first GOAWAY. */
export const goAwayAnswerMs = 1000

/** Stream objects that a connection keeps for its next requests. */
export const idleStreamsMax = 16
