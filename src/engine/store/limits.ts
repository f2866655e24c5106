/**
 * Limits of every store. They are part of the contract, so that what one implementation takes all take:
 * sizes stay below what etcd accepts by default (128 operations and 1.5 MiB a transaction).
 */
export const storeLimits = {
  /** Keys are paths such as `kv_http_name`; longer ones are a mistake of the caller. */
  keyBytesMax: 1_024,
  /** Above any configuration patch, below etcd's limit of a request. */
  valueBytesMax: 1_000_000,
  /** Sum of the keys and values of one commit. */
  commitBytesMax: 1_250_000,
  changesPerCommitMax: 128,
  /** Entries of one answer; more are read page by page. */
  rangeEntriesMax: 1_000,
  /** Bytes after which a page of a range or of a watch is closed, whatever it still may hold. */
  pageBytesMax: 8_388_608,
  watchersMax: 1_000,
  leasesMax: 100_000,
  leaseTtlMsMin: 10,
  leaseTtlMsMax: 86_400_000,
  /** Revisions a watcher may lag behind before it has to start again from a range. */
  historyRevisionsMax: 10_000,
  /** The same in bytes of keys and values. */
  historyBytesMax: 67_108_864,
  /** History is cut every so many revisions, so that a commit seldom pays for it. */
  compactEveryRevisions: 256,
} as const
