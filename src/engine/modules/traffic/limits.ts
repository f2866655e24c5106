/** Bounds of what is counted of traffic. */

/** Memory that a zone of that size is taken to need for one key: about what the module for nginx needs. */
export const zoneBytesPerKey = 8192

/** Keys that the smallest zone has room for. */
export const keysMin = 16

/** Longer keys are cut, so that whoever makes them up cannot fill a zone with a few. */
export const keyBytesMax = 255

/** Times that an average is made of, for each worker; a power of two. */
export const recentMax = 32

/** Times of all workers that are shown. */
export const recentShownMax = 64

/** Buckets that a configuration may ask for, as in the module for nginx. */
export const bucketsMax = 32

/** Values of variables whose records a process remembers, for each table. */
export const rememberedKeysMax = 4096

/** How long a key that found no room waits before it is tried again. */
export const roomRetryMs = 1000

/** Keys that `filter_max_node` may allow: so many are walked through when a place is needed. */
export const filterKeysMax = 65_536

/** How often each process asks whether it is the one that writes the dump. */
export const dumpTickMs = 1000

/** Who writes the dump and has been silent for so long is taken for stopped. */
export const dumpLeaseMs = 10_000

/** What a process works on a dump before clients have their turn again. */
export const dumpSliceMs = 1

/** How long they have it while a dump is written: it takes a tenth of a worker for a while. */
export const dumpPauseMs = 9

/** The same while a dump is read back, which limits of traffic wait for. */
export const restorePauseMs = 1

/** Bytes of a dump that are read or summed up at a time. */
export const dumpStepBytes: number = 256 * 1024

/** Longer files are no dumps: a key needs less than 8 KiB, and the largest zones have 65,536. */
export const dumpBytesMax: number = 512 * 1024 * 1024

/** The first line of a dump is shorter. */
export const dumpHeaderBytesMax = 256
