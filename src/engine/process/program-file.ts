/** Finds the code that `load_module` and `helper` name: a file below the prefix, or an npm package. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { ConfError } from '../conf/diagnostics.ts'

/** The file that a path or package name stands for; throws `ConfError` in the words of nginx's loader. */
export function fileOf(text: string, prefix: string): string {
  const path = resolve(prefix, text)
  if (/\.[cm]?[jt]s$/.test(text)) {
    if (existsSync(path)) return path
  } else if (/^(?:@[\w.-]+\/)?[\w.-]+(?:\/[\w./-]+)?$/.test(text) && !text.endsWith('.so')) {
    const file = packageFile(text, prefix)
    if (file !== undefined) return file
  }
  const reason = `${path}: cannot open shared object file: No such file or directory`
  throw new ConfError(`dlopen() "${path}" failed (${reason})`)
}

/** Packages are looked for from the prefix upwards, then beside this program. */
function packageFile(name: string, prefix: string): string | undefined {
  for (const from of [join(prefix, 'noop.js'), import.meta.filename]) {
    try {
      return createRequire(from).resolve(name)
    } catch {
      // The next place, or none.
    }
  }
  return undefined
}
