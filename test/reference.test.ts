/** The committed reference is what the declarations say. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { referenceFolder, referencePages } from '../scripts/reference-pages.ts'
import { builtInModules } from '../src/engine/process/built-ins.ts'

const folder = fileURLToPath(new URL(`../${referenceFolder}`, import.meta.url))
const advice = 'run "npm run reference" and commit what it writes'

test('the pages of the reference are made from the declarations', () => {
  const pages = referencePages(builtInModules)
  assert.deepEqual(readdirSync(folder).toSorted(), [...pages.keys()].toSorted(), advice)
  for (const [name, text] of pages) {
    assert.equal(readFileSync(join(folder, name), 'utf8'), text, `${name}: ${advice}`)
  }
})

test('every link of the index leads to a heading', () => {
  const pages = referencePages(builtInModules)
  const links = [...pages.get('README.md')!.matchAll(/\]\(([^)#]+)#([^)]+)\)/g)]
  assert.ok(links.length > 400, `${links.length} links`)
  for (const [, page = '', anchor] of links) {
    assert.match(pages.get(page) ?? '', new RegExp(`^## ${anchor}$`, 'm'), `${page}#${anchor}`)
  }
})
