/** Limits of the network layer, each with its reason. */

/** Events taken from the kernel at once; more wait for the next batch. */
export const eventsPerBatchMax = 512

/** Batches that what was deferred waits for at most, where one follows on the other without a pause. */
export const deferredBatchesMax = 8

/**
 * One read. A socket is read once per batch, so that a fast sender leaves room for the others. It is what
 * one packet carries between two programs of a machine, over IPv6 (over IPv4 it is 65,483): what is
 * written then leaves as one packet. A read of 64 KiB makes two of it, the second with next to nothing;
 * half as large a read costs a fifth more processor time per byte.
 */
export const readBytesMax = 65_464

/** Two chunks are copied together up to this size; beyond it two system calls are cheaper. */
export const joinBytesMax: number = 16 * 1024

/** Accepted per listener and batch: leaves some to the other workers that share the descriptor. */
export const acceptsPerBatchMax = 16

/** Writes of one queue per batch. */
export const flushesPerBatchMax = 8

/** No descriptor or memory left for a new connection: others must go first. nginx waits as long. */
export const acceptPauseMs = 500

/** A writer that goes on although `write` said false is broken: its connection is closed here. */
export const writeQueueBytesMax: number = 64 * 1024 * 1024

/** Queued small writes are collected in blocks of this size. */
export const queueBlockBytes = 4096

/** Connections that wait to be accepted, where `backlog=` says nothing: nginx's default on Linux. */
export const backlogConnections = 511

/** Largest UDP payload. */
export const datagramBytesMax = 65535

/** Datagrams taken by one call. */
export const datagramsPerCallMax = 16

/** Calls per listener and batch. */
export const datagramCallsPerBatchMax = 4
