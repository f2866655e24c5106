/**
 * Limits of serving HTTP that no directive sets. Each keeps one client from taking more than its share.
 */

/** Header fields of one request. nginx bounds their bytes alone; their count costs memory here. */
export const headerFieldsMax = 1000

/** Empty lines before a request line that are passed over (RFC 9112 §2.2 asks for one). */
export const emptyLinesMax = 8

/** Digits of `Content-Length`: 15 stay below 2^53, where integers are exact. */
export const contentLengthDigitsMax = 15

/** Hexadecimal digits of a chunk's size: 13 stay below 2^53. */
export const chunkSizeDigitsMax = 13

/** A chunk's line with its extensions. */
export const chunkLineBytesMax = 4096

/** All trailer fields after a chunked body. */
export const trailerBytesMax = 8192

/** Bytes of a request's head that a connection begins with; nginx's `client_header_buffer_size`. */
export const headBytesInitial = 1024

/** Heads that grew larger than this are not kept for the next request. */
export const headBytesKept = 4096

/** Idle request objects a process keeps for connections that wake up. */
export const idleRequestsMax = 1024

/** Subrequests within one another, as in nginx. */
export const subrequestsMax = 50

/** Internal redirects of one request before it is a 500, as in nginx. */
export const internalRedirectsMax = 10

/** Requests of one connection that are answered in one turn of the event loop before others have theirs. */
export const pipelinedPerTurnMax = 64

/** Pieces of a file that a fast client is sent in one turn of the event loop before others have theirs. */
export const filePiecesPerTurnMax = 8

/** Bytes of an unread request body that are read and thrown away so that the connection can live on. */
export const discardedBodyBytesMax: number = 1024 * 1024

/** Variables that read one another; a circle of maps ends here. */
export const variableDepthMax = 32

/** Bytes of a handler's answer that are given to the connection before it is waited for. */
export const writtenAtOnceBytesMax: number = 1024 * 1024

/** Fields of one response of an upstream. */
export const upstreamFieldsMax = 1000

/** Interim responses (1xx) before a final one; more is a server that never answers. */
export const interimResponsesMax = 16

/** Requests of a process that nobody waits for (`mirror`); what goes beyond is not made. */
export const backgroundRequestsMax = 1024

/** Parentheses within each other in the condition of a location. */
export const conditionDepthMax = 32
