/** `/api/v1/config/http_dyn_fault_inject`: faults that some requests get (Annex B `helper_dyn_fault_inject`). */
import { parseTimeMs } from '../../conf/units.ts'
import type { Declaration } from '../declaration.ts'
import type { Fields } from '../shape.ts'
import { locationDeclaration } from './located-declaration.ts'
import { boundedField, fail, type Setting, single, textField } from './settings.ts'
import type { Surroundings } from './surroundings.ts'

const types = ['none', 'delay', 'abort', 'delay_abort'] as const

/** Percentages where nobody says any. */
const usual = { delay_percentage: 100, abort_percentage: 100 }

export const httpFaults: Declaration = locationDeclaration({
  key: 'http_dyn_fault_inject',
  fields: {
    fault_inject_type: { type: 'string', enum: types },
    delay_percentage: { type: 'integer' },
    abort_percentage: { type: 'integer' },
    status_code: { type: 'integer', examples: [503] },
    delay_duration: { type: 'string', examples: ['300ms'] },
    header: {
      type: 'string',
      description: 'Only for requests with that field: a name, or a name, a colon and a value.',
    },
  },
  read: describe,
  write: (fields, at) => [write({ ...describe(at), ...fields })],
})

function describe(at: Surroundings): Fields {
  const args = at.inForce('fault_inject').at(-1)?.args ?? ['off']
  if (args[0] === 'off') return { fault_inject_type: 'none' }
  const given = new Map(args.map((arg) => split(arg, '=')))
  const numbers = ['delay_percentage', 'abort_percentage', 'status_code']
  const type = given.get('type') ?? ''
  return {
    fault_inject_type: type,
    ...(type.includes('delay') && { delay_percentage: usual.delay_percentage }),
    ...(type.includes('abort') && { abort_percentage: usual.abort_percentage }),
    ...Object.fromEntries(
      numbers.flatMap((name) => (given.has(name) ? [[name, Number(given.get(name))]] : [])),
    ),
    ...(given.has('delay_duration') && { delay_duration: given.get('delay_duration') }),
    ...(given.has('header') && { header: given.get('header') }),
  }
}

function split(text: string, sign: string): readonly [string, string] {
  const at = text.indexOf(sign)
  return [text.slice(0, at), text.slice(at + 1)]
}

/** All values are checked; those that the type has no use for are left out, as clients send them along. */
function write(fields: Fields): Setting {
  const type = textField(fields, 'fault_inject_type') ?? 'none'
  const percentages: readonly [number, number] = [1, 100]
  const delays = boundedField(fields, 'delay_percentage', percentages) ?? usual.delay_percentage
  const aborts = boundedField(fields, 'abort_percentage', percentages) ?? usual.abort_percentage
  const status = boundedField(fields, 'status_code', [200, 600])
  const duration = textField(fields, 'delay_duration')
  if (duration !== undefined && !((parseTimeMs(duration) ?? 0) >= 1)) {
    fail(' delay_duration should be at least 1ms')
  }
  // Not nothing: an outer location may have a fault.
  if (type === 'none') return single('fault_inject', 'off')
  const delay = type.includes('delay')
  const abort = type.includes('abort')
  if (delay && duration === undefined) fail(' delay_duration is not set')
  if (abort && status === undefined) fail(' status_code is not set')
  const header = textField(fields, 'header')
  const parameters = [
    `type=${type}`,
    ...(delay ? [`delay_duration=${duration}`, `delay_percentage=${delays}`] : []),
    ...(abort ? [`status_code=${status}`, `abort_percentage=${aborts}`] : []),
    ...(header === undefined || header === '' ? [] : [`header=${header}`]),
  ]
  return single('fault_inject', ...parameters)
}
