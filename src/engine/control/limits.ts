/** Limits of the dynamic API. */
import { blockDepthMax } from '../conf/limits.ts'

/** Smallest body that can be an instruction (reference §2.2). */
export const instructionBytesMin = 8

/** Largest body of a request (reference §0.3 and §2.2). */
export const bodyBytesMax: number = 5 * 1024 * 1024

/** Texts from outside in one line of the audit. */
export const auditTextCharsMax = 1_000

/** Tokens that are good at the same time. */
export const tokensMax = 1_000

/** Bits that nobody can guess, as bytes: 256 of the key, and enough to tell tokens apart. */
export const tokenKeyBytes = 32
export const tokenIdBytes = 12

/** A token that says nothing about its end lives so long. */
export const tokenLifetimeMs: number = 90 * 24 * 60 * 60 * 1000

/** Longest name of a token. */
export const tokenNameCharsMax = 64

/** Longest password that `crypt` takes. */
export const passwordBytesMax = 511

/** Longest prefix or name of a user of the key/value store. */
export const userNameBytesMax = 255

/** `worker_processes` and the live number of workers (reference §1, row 40). */
export const workersMax = 512

/** Smallest body of a declarative request: `{}` (reference §1b). */
export const declarationBytesMin = 2

/** Requests that wait for the engine at the same time; further ones are told to come back (reference §0.3). */
export const inFlightMax = 500

/** Locations within each other: blocks may not be nested deeper, and http and server are around them. */
export const locationDepthMax: number = blockDepthMax - 3

/** How often a change is worked out anew because others were quicker: they are no more than are in flight. */
export const staleAttemptsMax = 500

/** How long a change may take before the requester is told so, unless `dyn_sendmsg_rpc_timeout` says else. */
export const changeTimeoutMs = 2_000

/** The same for the general door, at least: a change may concern all that there is, and workers have that long. */
export const doorTimeoutMs = 30_000

/** Entries of one page of the history. */
export const historyPageEntries = 100
export const historyPageEntriesMax = 1_000

/** How long a long answer is worked on in one turn of the event loop. */
export const pieceMs = 4
/** Text of a long answer that is made in one turn, whatever the time: more would wait in memory. */
export const pieceCharsMax: number = 64 * 1024

/** Changes between the last revision and one that it is compared with. */
export const revisionsBackMax = 10_000

/** Changes that are kept at hand for those who listen. */
export const feedRecentEntries = 256

/** Those who may listen to changes at the same time. */
export const eventListenersMax = 100

/** A sign of life for those who listen, so that no proxy in between gives up: most do so after a minute. */
export const eventHeartbeatMs = 15_000
