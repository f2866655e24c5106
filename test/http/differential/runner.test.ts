/**
 * Every case of `cases/` against nginx and this engine. `FAMILY=rewrite,access` runs those families alone,
 * `CASE=text` the cases with that text in their names, `SHOW=1` prints what was observed.
 */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { Scope } from '../../support/scope.ts'
import type { Case } from './case.ts'
import { lineDifference } from './difference.ts'
import { type Engine, type EngineName, startEngine } from './engines.ts'
import { normalise, observe } from './observation.ts'

/** Cases under way at once; both engines have one worker. */
const concurrency = 12

interface Family {
  readonly name: string
  readonly cases: readonly Case[]
  /** Why its file does not load. */
  readonly failure?: unknown
}

const folder = new URL('cases/', import.meta.url)
const familyFilter = process.env['FAMILY']?.split(',')
const caseFilter = process.env['CASE'] ?? ''

const families = await Promise.all(
  readdirSync(folder)
    .filter((file) => file.endsWith('.ts'))
    .sort()
    .map((file) => file.slice(0, -'.ts'.length))
    .filter((name) => familyFilter?.includes(name) ?? true)
    .map(load),
)

async function load(name: string): Promise<Family> {
  try {
    const { cases } = (await import(new URL(`${name}.ts`, folder).href)) as { cases: Case[] }
    return { name, cases: cases.filter((each) => each.name.includes(caseFilter)) }
  } catch (failure) {
    return { name, cases: [], failure }
  }
}

const scope = new Scope()
const engines = new Map<EngineName, Engine>()
const names: readonly EngineName[] = ['nginx', 'trijet']

before(async () => {
  const all = families.flatMap(({ cases }) => cases)
  await Promise.all(
    names.map(async (name) => engines.set(name, await startEngine(scope, name, all))),
  )
})
after(() => scope.close())

for (const { name, cases, failure } of families) {
  describe(name, { concurrency }, () => {
    if (failure !== undefined) test('loads', () => assert.ifError(failure))
    const known = new Set<string>()
    for (const each of cases) {
      assert(!known.has(each.name), `two cases are called "${each.name}"`)
      known.add(each.name)
      test(each.name, () => compare(each))
    }
  })
}

async function compare(each: Case): Promise<void> {
  const [nginx, trijet] = await Promise.all(names.map((name) => transcriptOf(name, each)))
  if (process.env['SHOW'] !== undefined) console.log(`--- ${each.name}\n${trijet}`)
  const refusals = [nginx!, trijet!].filter((text) => text.startsWith('refused: ')).length
  if (each.difference === undefined) {
    // A slip of the pen would be refused by both, and prove nothing.
    if (refusals === names.length) assert(each.refused, nginx!)
    assert(nginx === trijet, lineDifference(nginx!, trijet!))
    return
  }
  assert.match(trijet!, each.difference.ours)
  assert.notEqual(trijet, nginx, 'no difference any more: take it out of the case')
}

/** A refused configuration is an observation too: both may refuse it. */
async function transcriptOf(name: EngineName, each: Case): Promise<string> {
  const { sites, refused, prefix } = engines.get(name)!
  const site = sites.get(each)!
  const refusal = refused.get(each)
  if (refusal === undefined) return observe(scope, site, prefix)
  const [, words = refusal] = /\[emerg\] (?:\d+#\d+: )?(.*?)(?: in \S+:\d+.*)?$/.exec(refusal) ?? []
  return normalise(`refused: ${words}`, site, prefix)
}
