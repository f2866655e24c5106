/** What was observed of a case, in a form in which both engines can be compared. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Owner } from '../../support/scope.ts'
import type { TempPrefix } from '../../support/temp-prefix.ts'
import { until } from '../../support/wait.ts'
import { talk } from './client.ts'
import type { Site } from './site.ts'

/** Log lines are written behind the answer. */
const logDeadlineMs = 5_000
const errorLogGraceMs = 60

/** Runs the case and returns its transcript. */
export async function observe(owner: Owner, site: Site, prefix: TempPrefix): Promise<string> {
  const {
    case: { seenAtLeast = 0, tls, accessLog, errorLog },
  } = site
  const to = { host: site.address, port: site.ports.port, ...(tls && { tls }) }
  const answers = normalise(await talk(owner, to, site.steps), site, prefix)
  const parts = [adjustFields(answers, site)]
  for (const [name, backend] of site.backends) {
    await until(() => backend.seen.length >= seenAtLeast, { what: `requests at ${name}` })
    const seen = backend.seen.map((request) => `<< ${name}, ${request.replaceAll('\r', '\\r')}`)
    parts.push(normalise(seen.join('\n'), site, prefix))
  }
  if (accessLog !== undefined) {
    const lines = await waitForLog(
      prefix,
      site.accessLog,
      Math.max(1, answers.match(/^HTTP\/1\.\d [2-5]/gm)?.length ?? 0),
    )
    parts.push(normalise(`access log:\n${lines}`, site, prefix))
  }
  if (errorLog !== undefined) {
    await delay(errorLogGraceMs)
    parts.push(normalise(`error log:\n${errorLines(prefix.read(site.errorLog))}`, site, prefix))
  }
  return mask(parts.filter((part) => part !== '').join('\n'), site)
}

async function waitForLog(prefix: TempPrefix, name: string, count: number): Promise<string> {
  const lines = (): number => prefix.read(name).split('\n').length - 1
  // Too few lines are a finding of the comparison, not of this wait.
  await until(() => lines() >= count, { what: name, deadlineMs: logDeadlineMs }).catch(
    () => undefined,
  )
  return prefix.read(name)
}

/** Without time, process and connection number. */
function errorLines(log: string): string {
  return log.replaceAll(/^[\d/]+ [\d:]+ (\[\w+\]) \d+#\d+: (?:\*\d+ )?/gm, '$1 ')
}

/** Replaces what differs by nature: name of the product, ports, places. */
export function normalise(text: string, site: Site, prefix: TempPrefix): string {
  let out = text
  for (const [name, backend] of site.backends) {
    out = out.replaceAll(new RegExp(`\\b${backend.port}\\b`, 'g'), `{${name}}`)
  }
  return out
    .replaceAll(/\b(?:nginx|trijet)(\/\d+\.\d+\.\d+)/g, 'engine')
    .replaceAll(prefix.path, '{prefix}')
    .replaceAll(new RegExp(`\\b${site.ports.port}\\b`, 'g'), '{port}')
    .replaceAll(new RegExp(`\\b${site.ports.port2}\\b`, 'g'), '{port2}')
}

const signature = /<hr><center>(?:nginx|trijet|engine)<\/center>/

/** Fields of answers whose values follow the time, and the length of pages that name the product. */
function adjustFields(transcript: string, site: Site): string {
  const left = new Set((site.case.except?.fields ?? []).map((name) => name.toLowerCase()))
  const answers = transcript.split(/^(?=> |HTTP\/1\.)/m)
  return answers.map((answer) => adjustAnswer(answer, left)).join('')
}

function adjustAnswer(answer: string, left: ReadonlySet<string>): string {
  const end = answer.indexOf('\n\n')
  const head = (end < 0 ? answer : answer.slice(0, end)).split('\n')
  const body = end < 0 ? '' : answer.slice(end)
  const date = Date.parse(valueIn(head, 'date') ?? '')
  const named = signature.test(body)
  const lines = head.map((line) => adjustLine(line, date, named))
  const kept = lines.filter((line) => !left.has(line.split(':', 1)[0]!.toLowerCase()))
  return kept.join('\n') + body.replace(signature, '<hr><center>engine</center>')
}

function valueIn(head: readonly string[], name: string): string | undefined {
  const line = head.find((each) => each.toLowerCase().startsWith(`${name}:`))
  return line?.slice(name.length + 1).trim()
}

function adjustLine(line: string, date: number, named: boolean): string {
  const [name] = line.split(':', 1)
  switch (name!.toLowerCase()) {
    case 'date':
      return Number.isNaN(date) ? line : `${name}: {now}`
    case 'server':
      return line.replace(/: (?:nginx|trijet)$/, ': engine')
    case 'content-length':
      return named ? `${name}: {of page}` : line
    case 'expires':
    case 'last-modified':
      return relativeTime(line, name!, date)
    default:
      return line
  }
}

/** A time near the answer's own is told as its distance from it. */
function relativeTime(line: string, name: string, date: number): string {
  const time = Date.parse(line.slice(name.length + 1))
  const seconds = (time - date) / 1000
  const dayOfYear = 366 * 86_400
  if (!(Math.abs(seconds) < dayOfYear) || name.toLowerCase() === 'last-modified') return line
  return `${name}: {now ${seconds < 0 ? '-' : '+'} ${Math.abs(seconds)} s}`
}

function mask(text: string, { case: { mask: masks = [] } }: Site): string {
  return masks.reduce((out, [pattern, by]) => out.replaceAll(pattern, by), text)
}
