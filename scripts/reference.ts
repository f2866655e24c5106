/** `npm run reference`: writes the pages of `docs/reference/` from the declarations of the modules. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { builtInModules } from '../src/engine/process/built-ins.ts'
import { referenceFolder, referencePages } from './reference-pages.ts'

const pages = referencePages(builtInModules)
mkdirSync(referenceFolder, { recursive: true })
for (const name of readdirSync(referenceFolder)) {
  if (!pages.has(name)) rmSync(join(referenceFolder, name))
}
for (const [name, text] of pages) writeFileSync(join(referenceFolder, name), text)
console.log(`trijet: ${pages.size} pages in ${referenceFolder}`)
