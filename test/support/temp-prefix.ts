/**
 * A temporary prefix: the folder an engine runs in, with `conf`, `logs`, `data` and `certs`, removed when
 * its test ends. `TRIJET_KEEP=1` keeps it and prints where it is.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onEnd, type Owner } from './scope.ts'

const folders = ['conf', 'logs', 'data', 'certs'] as const

export class TempPrefix {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  /** Absolute path of a file under the prefix. */
  file(name: string): string {
    return join(this.path, name)
  }

  /** Writes a file, making its folders; returns its absolute path. */
  write(name: string, content: string | Uint8Array): string {
    const path = this.file(name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
    return path
  }

  /** The text of a file; an empty text while it does not exist. */
  read(name: string): string {
    try {
      return readFileSync(this.file(name), 'utf8')
    } catch (failure) {
      if ((failure as NodeJS.ErrnoException).code === 'ENOENT') return ''
      throw failure
    }
  }
}

export type Files = Readonly<Record<string, string | Uint8Array>>

/** Makes a prefix and the given files in it; names are relative to the prefix. */
export function makeTempPrefix(owner: Owner, files: Files = {}): TempPrefix {
  const prefix = new TempPrefix(mkdtempSync(join(tmpdir(), 'trijet-test-')))
  for (const folder of folders) mkdirSync(prefix.file(folder))
  for (const [name, content] of Object.entries(files)) prefix.write(name, content)
  onEnd(owner, () => {
    if (process.env['TRIJET_KEEP'] !== undefined) console.log(`kept ${prefix.path}`)
    else rmSync(prefix.path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  })
  return prefix
}
