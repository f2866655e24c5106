/** The file that tells where the master is: written at start, renamed during a binary upgrade, removed at the end. */
import { mkdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Name of the old master's file while a new binary serves beside it. */
export function oldBinaryPath(path: string): string {
  return `${path}.oldbin`
}

/** The file's owner is this process: only it removes what it wrote. */
export class PidFile {
  #path: string

  private constructor(path: string) {
    this.#path = path
  }

  static write(path: string): PidFile {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, `${process.pid}\n`)
    return new PidFile(path)
  }

  get path(): string {
    return this.#path
  }

  rename(path: string): void {
    renameSync(this.#path, path)
    this.#path = path
  }

  remove(): void {
    // After an upgrade the same name may be the new master's.
    if (readPid(this.#path) === process.pid) unlinkSync(this.#path)
  }
}

/** The pid in a file; `undefined` when it holds none. Throws when it cannot be read. */
export function readPidFile(path: string): {
  readonly pid: number | undefined
  readonly text: string
} {
  const text = readFileSync(path, 'utf8').trim()
  return { pid: /^[1-9]\d*$/.test(text) ? Number(text) : undefined, text }
}

function readPid(path: string): number | undefined {
  try {
    return readPidFile(path).pid
  } catch {
    return undefined
  }
}
