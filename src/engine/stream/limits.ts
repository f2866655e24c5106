/** Limits of the stream engine, each with its reason. */

/** Variables that may be read while one is evaluated: past this they refer to each other in a circle. */
export const variableDepthMax = 32

/** How long a client may take to close after `return` has sent its text and FIN; what it still sends is read away. */
export const lingerTimeoutMs = 5000

/** Bytes read away while lingering before the connection is cut. */
export const lingerBytesMax: number = 1024 * 1024

/** Datagrams of one client that wait while its session is not ready for them; more are lost, as on any network. */
export const datagramsWaitingMax = 64

/** Sessions of UDP clients at one time in one process: each is a socket to an upstream and an entry in a table. */
export const datagramSessionsMax = 65_536
