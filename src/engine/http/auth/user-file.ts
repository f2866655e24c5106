/**
 * Files of users and password hashes, `name:hash[:comment]` a line, `#` for comments.
 *
 * A file is looked at for each request and read again when it has changed, so that a user who was removed
 * is out at once.
 */
import { readFileSync, statSync } from 'node:fs'

export type Users = ReadonlyMap<string, string>

interface Known {
  readonly version: string
  readonly users: Users
}

/** Files that are remembered: names may have variables in them. */
const filesMax = 64

const known = new Map<string, Known>()

/** The users of a file. Throws what the file system says. */
export function readUsers(path: string): Users {
  const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
  const version = `${ino} ${size} ${mtimeNs} ${ctimeNs}`
  const found = known.get(path)
  if (found?.version === version) return found.users
  const users = parseUsers(readFileSync(path, 'utf8'))
  known.delete(path)
  if (known.size >= filesMax) known.delete(known.keys().next().value!)
  known.set(path, { version, users })
  return users
}

/** The first line with a name counts. */
export function parseUsers(text: string): Users {
  const users = new Map<string, string>()
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':')
    if (colon < 0 || line.startsWith('#')) continue
    const name = line.slice(0, colon)
    const [stored = ''] = line.slice(colon + 1).split(/[:\r]/, 1)
    if (!users.has(name)) users.set(name, stored)
  }
  return users
}
