/**
 * Metrics in the text format of Prometheus, read strictly and independently of what writes them: what is not
 * of the format, or not consistent in itself, is an error that says which rule it breaks.
 *
 * Rules: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4).
 */
import assert from 'node:assert/strict'

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly samples: readonly Sample[]
}

const types = ['counter', 'gauge', 'histogram', 'summary', 'untyped']
const namePattern = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const numberPattern = /^(?:[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?|[+-]Inf|NaN)$/

export function parseExposition(text: string): ReadonlyMap<string, Family> {
  assert(text.endsWith('\n'), 'the last line ends')
  const families = new Map<string, Family>()
  let current: { name: string; help: string; type: string; samples: Sample[] } | undefined
  let help: { name: string; text: string } | undefined
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line)
    if (comment?.[1] === 'HELP') {
      help = { name: comment[2]!, text: comment[3]! }
      continue
    }
    if (comment?.[1] === 'TYPE') {
      const [, , name, type] = comment
      assert.equal(help?.name, name, `HELP stands before TYPE: ${line}`)
      assert(!families.has(name!), `the samples of a family stand together: ${line}`)
      assert(types.includes(type!), line)
      assert.match(name!, namePattern)
      current = { name: name!, help: help!.text, type: type!, samples: [] }
      families.set(name!, current)
      continue
    }
    assert(!line.startsWith('#'), `no comments: ${line}`)
    const sample = parseSample(line)
    assert(current !== undefined && belongsTo(sample.name, current), `a family is open: ${line}`)
    current.samples.push(sample)
  }
  for (const family of families.values()) checkFamily(family)
  return families
}

/** The value of the one sample with these labels, and no others. */
export function valueOf(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const family = families.get(name) ?? families.get(name.replace(/_(?:bucket|sum|count)$/, ''))
  const wanted = keyOf({ name, labels })
  const found = family?.samples.filter((sample) => keyOf(sample) === wanted) ?? []
  assert.equal(found.length, 1, `one ${wanted} among ${family?.samples.map(keyOf).join('\n')}`)
  return found[0]!.value
}

function parseSample(line: string): Sample {
  const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line)
  assert(match !== null, `not a sample: ${line}`)
  assert.match(match[3]!, numberPattern, line)
  const value = match[3]!.endsWith('Inf') ? Infinity : Number(match[3])
  return { name: match[1]!, labels: parseLabels(match[2] ?? '', line), value }
}

function parseLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {}
  const one = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,|$)/y
  for (let at = 0; at < text.length; at = one.lastIndex) {
    one.lastIndex = at
    const match = one.exec(text)
    assert(match !== null, `not a label at ${at}: ${line}`)
    assert(labels[match[1]!] === undefined, `a label once: ${line}`)
    labels[match[1]!] = match[2]!.replaceAll(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c))
  }
  assert(!text.endsWith(','), line)
  return labels
}

function belongsTo(name: string, { name: family, type }: Family): boolean {
  if (type !== 'histogram') return name === family
  return ['_bucket', '_sum', '_count'].some((end) => name === `${family}${end}`)
}

function keyOf({ name, labels }: Pick<Sample, 'name' | 'labels'>): string {
  const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))
  return `${name}{${pairs.map(([label, value]) => `${label}=${JSON.stringify(value)}`).join()}}`
}

function checkFamily(family: Family): void {
  const keys = family.samples.map(keyOf)
  assert.equal(new Set(keys).size, keys.length, `each sample of ${family.name} once`)
  if (family.type === 'counter') {
    assert(
      family.samples.every(({ value }) => value >= 0),
      family.name,
    )
    assert.match(family.name, /_total$/)
  }
  if (family.type === 'histogram') checkHistogram(family)
}

/** Buckets ascend, the last is that of all, and the count is the same. */
function checkHistogram({ name, samples }: Family): void {
  const sets = new Map<string, Sample[]>()
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels
    const key = keyOf({ name, labels })
    sets.set(key, [...(sets.get(key) ?? []), sample])
  }
  for (const [key, set] of sets) {
    const buckets = set.filter((sample) => sample.name === `${name}_bucket`)
    const bounds = buckets.map(({ labels }) =>
      labels['le'] === '+Inf' ? Infinity : Number(labels['le']),
    )
    const counts = buckets.map(({ value }) => value)
    assert.equal(bounds.at(-1), Infinity, key)
    for (let i = 1; i < bounds.length; i += 1) {
      assert(
        bounds[i]! > bounds[i - 1]! && counts[i]! >= counts[i - 1]!,
        `${key}: ${bounds.join()} ${counts.join()}`,
      )
    }
    const count = set.filter((sample) => sample.name === `${name}_count`).map(({ value }) => value)
    assert.deepEqual(count, [counts.at(-1)], key)
    assert.equal(set.filter((sample) => sample.name === `${name}_sum`).length, 1, key)
  }
}
