/** `/api/v1/config/http_log`: what is logged where, and in which form (Annex B `helper_dynlog`). */
import { findDirective } from '../../conf/block.ts'
import type { Directive } from '../../conf/tree.ts'
import type { Declaration } from '../declaration.ts'
import { type Extra, locationDeclaration } from './located-declaration.ts'
import { fail, type Setting, settingEdits } from './settings.ts'
import { Surroundings } from './surroundings.ts'

interface AccessLog {
  readonly path?: string
  readonly formatName?: string
}

interface Format {
  readonly name?: string
  readonly format?: string
  readonly escape?: string
}

/** Where nobody says anything, as nginx. */
const usual: AccessLog = { path: 'logs/access.log', formatName: 'combined' }

const formats: Extra = {
  name: 'accessLogFormats',
  schema: {
    type: 'array',
    items: {
      type: 'object',
      properties: {
        name: { type: 'string', examples: ['short'] },
        format: { type: 'string', examples: ['$remote_addr $status'] },
        escape: { type: 'string', enum: ['default', 'json', 'none'] },
      },
      required: ['name', 'format'],
    },
  },
  read: ({ tree }) => formatsIn(tree).map(describeFormat),
  items: (value) =>
    (value as readonly Format[]).map((format) => ({
      path: `accessLogFormats[${format.name}]`,
      edits: ({ tree }) => settingEdits([['http']], [withFormat(formatsIn(tree), format)]),
    })),
}

export const httpLogs: Declaration = locationDeclaration({
  key: 'http_log',
  fields: {
    accessLogOn: { type: 'boolean' },
    accessLogs: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          path: { type: 'string', examples: ['logs/demo.log'] },
          formatName: { type: 'string', examples: ['combined'] },
        },
        required: ['path'],
      },
    },
  },
  read: (at) => {
    const logs = at.inForce('access_log')
    const accessLogOn = !isOff(logs)
    return {
      accessLogOn,
      accessLogs: logs.length === 0 ? [usual] : accessLogOn ? logs.map(describe) : [],
    }
  },
  write: (fields, at) => {
    const given = fields['accessLogs'] as readonly AccessLog[] | undefined
    if (fields['accessLogOn'] === false) return [setting([['access_log', 'off']])]
    const now = at.inForce('access_log')
    if (given !== undefined && given.length > 0) {
      return [setting(given.map((log) => wordsOf(log, now)))]
    }
    if (given !== undefined && fields['accessLogOn'] === undefined) {
      return [setting([['access_log', 'off']])]
    }
    // Switched on, and nothing is said of where to: the block around decides, or the usual log is written.
    if (!isOff(now)) return []
    const outer = at.outer?.inForce('access_log') ?? []
    return [setting(isOff(outer) ? [wordsOf(usual, [])] : [])]
  },
  extras: [formats],
})

function setting(directives: Setting['directives']): Setting {
  return { target: 'access_log', directives }
}

function isOff(logs: readonly Directive[]): boolean {
  return logs.some(({ args }) => args[0] === 'off')
}

function describe({ args: [path = '', formatName = 'combined'] }: Directive): AccessLog {
  return { path, formatName }
}

/** What the interface does not know of a log (buffers, conditions) stays with its path. */
function wordsOf(
  { path = '', formatName }: AccessLog,
  now: readonly Directive[],
): readonly string[] {
  if (path === '' || path === 'off') fail(` path "${path}" is no log`)
  const known = now.find(({ args }) => args[0] === path)
  const format = formatName ?? known?.args[1] ?? 'combined'
  return ['access_log', path, format, ...(known?.args.slice(2) ?? [])]
}

function formatsIn(tree: Directive): readonly Directive[] {
  const http = findDirective(tree.block, 'http')
  return http === undefined ? [] : new Surroundings(http).own('log_format')
}

function describeFormat({ args: [name = '', ...parts] }: Directive): Format {
  const escape = parts[0]?.startsWith('escape=') === true ? parts.shift()!.slice(7) : 'default'
  return { name, format: parts.join(''), escape }
}

/** All formats, with that one in its place or behind them. */
function withFormat(known: readonly Directive[], given: Format): Setting {
  const { name = '', format = '' } = given
  if (name === '' || name === 'combined') fail(` format "${name}" cannot be set`)
  const escape = given.escape ?? 'default'
  const words = ['log_format', name, ...(escape === 'default' ? [] : [`escape=${escape}`]), format]
  const isIt = ({ args }: Directive): boolean => args[0] === name
  const directives = known.map((node) => (isIt(node) ? words : [node.name, ...node.args]))
  if (!known.some(isIt)) directives.push(words)
  return { target: 'log_format', directives }
}
