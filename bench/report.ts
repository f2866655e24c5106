/**
 * Medians and ratios: as a table for the terminal and for Markdown, and as JSON with every sample.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { PeerName } from './peers/peer.ts'
import type { BenchOptions, Metric, Outcome, Sample, Scenario, Target } from './scenario.ts'

const folder = fileURLToPath(new URL('./results/', import.meta.url))
const baseline: PeerName = 'nginx'

/** Medians by peer and metric. */
type Figures = ReadonlyMap<PeerName, Sample>

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Rows of a table in Markdown, which a terminal shows as well. */
export function toTable(scenario: Scenario, outcome: Outcome): string {
  const figures = toFigures(scenario.metrics, outcome)
  const rows = [
    ['', ...scenario.metrics.map(({ label }) => label)],
    ...[...figures].map(([name, sample]) => [
      name,
      ...scenario.metrics.map((m) => show(m, sample)),
    ]),
    ...ratioRows(scenario.metrics, figures),
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length), 3))
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(' | ')} |`
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  const failed = [...outcome.failures].map(([name, why]) => `\n${name}: no figures, ${why}`)
  return [line(rows[0]!), rule, ...rows.slice(1).map(line), ...failed].join('\n')
}

/** Labels of the metrics whose promise the engine missed in this run. */
export function missedTargets({ metrics }: Scenario, outcome: Outcome): string[] {
  const figures = toFigures(metrics, outcome)
  const [own, base] = [figures.get('trijet'), figures.get(baseline)]
  if (own === undefined) return []
  const misses = ({ key, target, bound }: Metric): boolean =>
    isMissed(bound, own[key]!) || (base !== undefined && isMissed(target, own[key]! / base[key]!))
  return metrics.filter(misses).map(({ label }) => label)
}

function isMissed(target: Target | undefined, value: number): boolean {
  if (target === undefined) return false
  return 'atMost' in target ? value > target.atMost : value < target.atLeast
}

function ratioRows(metrics: readonly Metric[], figures: Figures): string[][] {
  const base = figures.get(baseline)
  if (base === undefined) return []
  return [...figures]
    .filter(([name]) => name !== baseline)
    .map(([name, sample]) => [
      `${name} : ${baseline}`,
      ...metrics.map((metric) => {
        const ratio = sample[metric.key]! / base[metric.key]!
        const text = Number.isFinite(ratio) ? ratio.toFixed(2) : '–'
        return name === 'trijet' && metric.target ? `${text} (${aim(metric.target)})` : text
      }),
    ])
}

function aim(target: Target): string {
  return 'atMost' in target ? `≤ ${target.atMost}` : `≥ ${target.atLeast}`
}

function show({ key, digits }: Metric, sample: Sample): string {
  return sample[key]!.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
}

function toFigures(metrics: readonly Metric[], { samples }: Outcome): Figures {
  return new Map(
    [...samples].map(([name, list]): [PeerName, Sample] => [
      name,
      Object.fromEntries(metrics.map(({ key }) => [key, median(list.map((each) => each[key]!))])),
    ]),
  )
}

/** Writes `results/<scenario>.md` and `.json`. */
export function save(
  scenario: Scenario,
  outcome: Outcome,
  options: BenchOptions,
  versions: Readonly<Record<string, string>>,
): void {
  const { name, title } = scenario
  const { rounds, warmUpMs, windowMs } = options
  const machine = {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    kernel: release(),
  }
  const how = `Medians of ${rounds} rounds, in turns, ${windowMs / 1_000} s each; one core for the server.`
  const where = `${machine.cores} cores (${machine.processor}), Linux ${machine.kernel}`
  const programs = Object.entries(versions)
    .map((entry) => entry.join(' '))
    .join(', ')
  const text = [`# ${name}`, `${title}.`, toTable(scenario, outcome), how, `${where}; ${programs}.`]
  const data = {
    name,
    title,
    rounds,
    warmUpMs,
    windowMs,
    machine,
    versions,
    samples: Object.fromEntries(outcome.samples),
    failures: Object.fromEntries(outcome.failures),
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${folder}${name}.md`, `${text.join('\n\n')}\n`)
  writeFileSync(`${folder}${name}.json`, `${JSON.stringify(data, undefined, 2)}\n`)
}

/** The value that a share of all values does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]!
}
