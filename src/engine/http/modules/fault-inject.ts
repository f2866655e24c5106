/**
 * `fault_inject`: some of the requests wait, or end with a status, so that what is in front of the engine
 * can be seen to bear it.
 *
 * ```text
 *   request ─▶ has the header? ─▶ delay_percentage ─▶ waits ─▶ abort_percentage ─▶ status_code
 *                  │ no                │ no                       │ no
 *                  └───────────────────┴── nothing ───────────────┴─▶ goes on
 * ```
 */
import { ConfError } from '../../conf/diagnostics.ts'
import { parseNumber, parseTimeMs } from '../../conf/units.ts'
import type { ValueType } from '../../core/module.ts'
import type { Chance } from '../../upstream/balancers/random.ts'
import { defineHttpModule, type Handler, type HttpModule, outcomes } from '../module.ts'
import { delayRequest } from '../request-delay.ts'
import type { Request } from '../request.ts'

/** Requests that a fault is for: those with the field, and with that value where one is given. */
interface FaultHeader {
  readonly name: string
  readonly value: string | undefined
}

export interface Fault {
  /** 0 for no delay. */
  readonly delayMs: number
  readonly delayPercentage: number
  /** 0 where requests are not ended. */
  readonly status: number
  readonly abortPercentage: number
  readonly header: FaultHeader | undefined
}

export interface HttpFaultInjectConf {
  readonly fault_inject: Fault | undefined
}

const statusMin = 200
const statusMax = 600

/** What each type takes, and what it must have. */
const typeParameters = {
  delay: { needs: ['delay_duration'], takes: ['delay_percentage'] },
  abort: { needs: ['status_code'], takes: ['abort_percentage'] },
  delay_abort: {
    needs: ['delay_duration', 'status_code'],
    takes: ['delay_percentage', 'abort_percentage'],
  },
} as const

const fault: ValueType<Fault | undefined> = {
  describe:
    'off | type=delay | abort | delay_abort [delay_duration=time] [status_code=code] [delay_percentage=number] [abort_percentage=number] [header=name[:value]]',
  parse: (args) => {
    if (args.length === 1 && args[0] === 'off') return undefined
    const given = parametersOf(args)
    checkType(given)
    return {
      delayMs: durationOf(given.get('delay_duration')),
      delayPercentage: between(given, 'delay_percentage', [1, 100], 100),
      status: between(given, 'status_code', [statusMin, statusMax], 0),
      abortPercentage: between(given, 'abort_percentage', [1, 100], 100),
      header: headerOf(given.get('header')),
    }
  },
}

export const httpFaultInject: HttpModule<HttpFaultInjectConf> =
  defineHttpModule<HttpFaultInjectConf>({
    id: 'http.fault_inject',
    directives: {
      fault_inject: {
        contexts: ['http.location'],
        args: [1, Infinity],
        syntax: `fault_inject ${fault.describe}`,
        value: fault,
        default: undefined,
        doc: 'Lets a percentage of the requests wait, or ends them with a status; with a header, only of those that have it.',
      },
    },
    variables: {
      fault_inject_status: {
        get: () => undefined,
        doc: 'What fault_inject made of the request: PASSED, DELAYED, ABORTED or DELAYED_ABORTED.',
      },
    },
    idle: true,
    hooks: {
      preaccess: ({ fault_inject: conf }, { services, variables, node }) => {
        if (conf === undefined) return undefined
        const status = variables.use('$fault_inject_status', node)
        const { header } = conf
        const field = header && variables.use(`$http_${header.name}`, node)
        return composeFault(conf, { chance: services.chance, status, field })
      },
    },
  })

interface Draws {
  readonly chance: Chance
  /** Slot of `$fault_inject_status`. */
  readonly status: number
  /** Slot of the field that a request must have. */
  readonly field: number | undefined
}

function composeFault(conf: Fault, { chance, status, field }: Draws): Handler {
  const { delayMs, delayPercentage, abortPercentage, header } = conf
  const isMeant = (request: Request): boolean => {
    if (field === undefined) return true
    const value = request.get(field)
    return value !== undefined && (header!.value === undefined || value === header!.value)
  }
  const drawn = (percentage: number): boolean => chance() * 100 < percentage
  const abort = (request: Request, delayed: boolean): number => {
    const aborts = conf.status !== 0 && drawn(abortPercentage)
    request.store(status, verdicts[delayed ? 1 : 0][aborts ? 1 : 0])
    return aborts ? conf.status : outcomes.next
  }
  const goOn = (request: Request): void => request.resume(abort(request, true))
  return (request) => {
    // Once a request: an internal redirect does not draw again.
    if (request.get(status) !== undefined || !isMeant(request)) return outcomes.next
    if (delayMs === 0 || !drawn(delayPercentage)) return abort(request, false)
    delayRequest(request, delayMs, goOn)
    return outcomes.done
  }
}

/** By whether it was delayed, and whether it was ended. */
const verdicts = [
  ['PASSED', 'ABORTED'],
  ['DELAYED', 'DELAYED_ABORTED'],
] as const

type Parameters = ReadonlyMap<string, string>

function parametersOf(args: readonly string[]): Parameters {
  const given = new Map<string, string>()
  for (const arg of args) {
    const [, name = '', value = ''] = /^([a-z_]+)=(.+)$/s.exec(arg) ?? []
    if (name === '') throw new ConfError(`invalid parameter "${arg}"`)
    if (given.has(name)) throw new ConfError(`duplicate parameter "${name}"`)
    given.set(name, value)
  }
  return given
}

function checkType(given: Parameters): void {
  const type = given.get('type')
  if (type === undefined) throw new ConfError('"fault_inject" must have the parameter "type"')
  if (!Object.hasOwn(typeParameters, type)) throw new ConfError(`invalid parameter "type=${type}"`)
  const { needs, takes } = typeParameters[type as keyof typeof typeParameters]
  for (const name of needs) {
    if (given.has(name)) continue
    throw new ConfError(`"fault_inject" with "type=${type}" must have the parameter "${name}"`)
  }
  const known = new Set<string>(['type', 'header', ...needs, ...takes])
  for (const [name, value] of given) {
    if (!known.has(name)) throw new ConfError(`invalid parameter "${name}=${value}"`)
  }
}

function durationOf(text: string | undefined): number {
  if (text === undefined) return 0
  const ms = parseTimeMs(text)
  if (ms === undefined || ms < 1) throw new ConfError(`invalid parameter "delay_duration=${text}"`)
  return ms
}

function between(
  given: Parameters,
  name: string,
  [min, max]: readonly [number, number],
  otherwise: number,
): number {
  const text = given.get(name)
  if (text === undefined) return otherwise
  const value = parseNumber(text)
  if (value === undefined || value < min || value > max) {
    throw new ConfError(`invalid parameter "${name}=${text}"`)
  }
  return value
}

/** A field's name may not hold what no variable's can. */
function headerOf(text: string | undefined): FaultHeader | undefined {
  if (text === undefined) return undefined
  const colon = text.indexOf(':')
  const name = colon < 0 ? text : text.slice(0, colon)
  if (!/^[\w-]+$/.test(name)) throw new ConfError(`invalid parameter "header=${text}"`)
  const value = colon < 0 ? undefined : text.slice(colon + 1).trim()
  return { name: name.toLowerCase().replaceAll('-', '_'), value }
}
