/**
 * Reading files, at once and without exceptions: one contract, two drivers.
 *
 * What is served often lies in the kernel's memory, so a read costs a copy and no wait; a detour over other
 * threads would cost more than the rest of a request. The driver for Linux calls the kernel itself, which
 * takes half the time of `node:fs`; the other one stands on `node:fs` and runs wherever Node does.
 *
 * Calls return minus the `errno` when they fail. What a file is stands in fields of the driver until the
 * next call: nothing is allocated for a file that is merely looked at.
 */

export type FileKind = 'file' | 'folder' | 'other'

export interface FileSystem {
  /** Facts of the file that `open` or `look` found last. */
  readonly size: number
  /** Whole seconds since the epoch. */
  readonly modifiedSeconds: number
  readonly kind: FileKind
  /** Number of the file on its device: another one under the same path has another. */
  readonly inode: number
  /** What `read` has read. */
  readonly piece: Buffer
  /** Opens for reading and looks; never waits, even where the path is a FIFO. Descriptor or minus errno. */
  open(path: string): number
  /** `open` that follows no symbolic link in any part of the path: minus ELOOP, or ENOSYS, where it cannot. */
  openPlain(path: string): number
  /** Looks without opening. 0 or minus errno. */
  look(path: string): number
  /** Reads up to `length` bytes, at most all of `piece`, from the place `at`. Bytes or minus errno. */
  read(descriptor: number, at: number, length: number): number
  close(descriptor: number): void
}

/** Room for one read. Larger pieces win nothing: they leave the processor's cache before they are sent. */
export const filePieceBytes: number = 128 * 1024

/** The longest path that the kernel takes, with its end. */
export const pathBytesMax = 4096

export const fileErrors = {
  EPERM: 1,
  ENOENT: 2,
  EIO: 5,
  EACCES: 13,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  EMFILE: 24,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ELOOP: 40,
} as const
