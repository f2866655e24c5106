/** Users and groups by name, from the system's files, as `getpwnam` and `getgrnam` find them without a directory service. */
import { readFileSync } from 'node:fs'

export interface User {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

/** The user, with the first group of that name where one is given; `undefined` for an unknown name. */
export function findUser(name: string): User | undefined {
  const fields = findRow('/etc/passwd', name)
  return fields && { name, uid: Number(fields[2]), gid: Number(fields[3]) }
}

export function findGroup(name: string): number | undefined {
  const fields = findRow('/etc/group', name)
  return fields && Number(fields[2])
}

/** Rows are `name:password:id:…`. */
function findRow(file: string, name: string): readonly string[] | undefined {
  const rows = readFileSync(file, 'utf8').split('\n')
  return rows.map((row) => row.split(':')).find(([first]) => first === name)
}
