/** Limits of the processes and of what they say to each other. */
export const processLimits = {
  /** A worker compiles 100,000 servers in a few seconds; one that takes longer is stuck. */
  startTimeoutMs: 120_000,
  /** Preparing a change may read certificates and open ports. */
  prepareTimeoutMs: 30_000,
  /** Committing is a few assignments; whoever does not answer is stuck and is replaced. */
  commitTimeoutMs: 15_000,
  /** How long a change waits for a worker when there is none just now. */
  arrivalTimeoutMs: 10_000,
  /** How often a change is tried while worker after worker dies under it. */
  desertedAttemptsMax: 3,
  /** Changes that wait for their turn; more are refused at once. */
  queuedChangesMax: 2_000,

  /** First wait before a child is started again that died twice in short succession. */
  restartDelayMsMin: 500,
  /** OpenNJet waits this long from start to start of a crashing copilot. */
  restartDelayMsMax: 12_000,
  /** A child that lived longer than this starts again at once, with all its tries. */
  restartStableMs: 12_000,

  /** How long a process that serves reads or compiles before clients have a turn. */
  workPieceMs: 2,

  /** What is read at one go before anybody asks, a millisecond's worth, and how often. */
  readAheadServers: 64,
  readAheadPauseMs: 10,

  /** From TERM to KILL, as nginx: a second. Children that have state to flush get longer. */
  workerKillAfterMs: 1_000,
  copilotKillAfterMs: 5_000,
  /** What a child that said so has left to write: a dump of a million keys takes about ten seconds. */
  lastWorkMsMax: 30_000,

  /** Addresses that are told to whoever started the engine in the foreground. */
  listeningToldMax: 32,

  /** A rule of ports takes some milliseconds; the program may wait for others first. */
  iptablesTimeoutMs: 10_000,

  /** Asking a copilot's file for its version happens in a process of its own. */
  probeTimeoutMs: 20_000,
  /** A detached master says within this time that it serves, or why not. */
  daemonTimeoutMs: 180_000,

  /** Sockets that a former master gave and nobody asked for are closed after that. */
  inheritedKeepMs: 60_000,

  /** Certificates, keys and lists that the master reads for workers. */
  protectedFileBytesMax: 4_194_304,

  /** As nginx: five tries, half a second apart, when a port is taken at start. */
  bindAttemptsMax: 5,
  bindRetryMs: 500,

  /** Revisions that history and rollback reach back. */
  historyRevisionsMax: 10_000,
  historyBytesMax: 67_108_864,
  /** History is cut every so many revisions, so that a change seldom pays for it. */
  historyCutEveryRevisions: 256,
  /** Entries of one answer about history. */
  historyPageMax: 1_000,
} as const
