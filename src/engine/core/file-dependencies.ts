/**
 * Files that directives name and whose content becomes part of what is compiled: certificates, keys,
 * handlers.
 *
 * What is compiled is kept as long as its directives are the same. Where a directive stands for a file, it
 * is the same only while the file is: a reload asks here, and takes up a renewed certificate although no
 * word of the configuration has changed.
 *
 * Notes belong to directives, which are never changed in place; a version of the configuration that is
 * dropped takes its notes along.
 */
import { hash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import type { Directive } from '../conf/tree.ts'

/** Identities of files as they were before they were first read, by path. */
const notes = new WeakMap<Directive, Map<string, string>>()

/**
 * What tells one content from another without reading it, so that thousands of files can be looked at and
 * whoever may not read them can; for a file that cannot be looked at, its path. The time of the last change
 * of the inode counts too: programs that copy set the other one back.
 */
export function fileIdentity(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
    return `${path} ${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
  } catch {
    return path
  }
}

/** The directive stands for the file; to be said before the file is read. */
export function dependOnFile(node: Directive, path: string): void {
  const files = notes.getOrInsertComputed(node, () => new Map<string, string>())
  // The first note stays: a version that is dropped may look at the file again later than the one in force.
  if (!files.has(path)) files.set(path, fileIdentity(path))
}

/** True when a file that the directive stands for is another than when it was read. */
export function hasChangedFile(node: Directive): boolean {
  for (const [path, identity] of notes.get(node) ?? []) {
    if (fileIdentity(path) !== identity) return true
  }
  return false
}

/** Short digest of what the file holds. Throws when it cannot be read. */
export function contentDigest(path: string): string {
  return hash('sha256', readFileSync(path)).slice(0, 16)
}

/** Where a script is imported from, so that another content is another module. */
export function versionedUrl(path: string, digest: string): string {
  return `${pathToFileURL(path).href}?content=${digest}`
}
