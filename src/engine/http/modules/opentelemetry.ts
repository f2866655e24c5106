/**
 * `opentelemetry*`: the requests' part in distributed traces, as the OpenTelemetry module for nginx has it.
 *
 * A worker only finds out where a request stands in its trace, tells the upstream, and appends a record
 * when the request is over; the telemetry copilot exports them.
 */
import { ConfError } from '../../conf/diagnostics.ts'
import { dependOnFile } from '../../core/file-dependencies.ts'
import type { ComplexValue } from '../../core/complex-value.ts'
import type { ValueType } from '../../core/module.ts'
import { readProtected } from '../../core/protected-files.ts'
import { compileRegex, type Regex } from '../../core/regex.ts'
import type { Scope } from '../../core/scope.ts'
import { complexValue, concat, flag } from '../../modules/value-types.ts'
import { errnoText } from '../../net/errors.ts'
import { isPath, type LocationPattern } from '../location.ts'
import {
  defineHttpModule,
  type Handler,
  type HttpModule,
  type LocationEnv,
  type LogHandler,
  outcomes,
  type RequestVariables,
} from '../module.ts'
import type { Request } from '../request.ts'
import { timeRequests } from '../request-timing.ts'
import { AttemptTracing, type AttemptTracingOptions } from '../telemetry/attempt-tracing.ts'
import { type ContextField, contextFields } from '../telemetry/context-fields.ts'
import { recordRequest, type RecordRules, type SpanAttribute } from '../telemetry/record-request.ts'
import {
  type AppendSpan,
  RequestSpan,
  type SpanRules,
  spanStates,
  spanText,
} from '../telemetry/request-span.ts'
import { parseTelemetrySettings, type TelemetrySettings } from '../telemetry/settings-file.ts'
import { spanSinkOf } from '../telemetry/span-sink.ts'
import type { Propagation } from '../telemetry/trace-context.ts'
import { direct, live } from '../variable-definition.ts'

export interface HttpOpenTelemetryConf {
  /** `undefined`: nothing is traced. */
  readonly opentelemetry_config: TelemetrySettings | undefined
  readonly opentelemetry: boolean
  readonly opentelemetry_propagate: Propagation | undefined
  readonly opentelemetry_trust_incoming_spans: boolean
  readonly opentelemetry_operation_name: ComplexValue | undefined
  readonly opentelemetry_attribute: readonly SpanAttribute[]
  readonly opentelemetry_capture_headers: boolean
  readonly opentelemetry_sensitive_header_names: Regex | undefined
  readonly opentelemetry_sensitive_header_values: Regex | undefined
  readonly opentelemetry_ignore_paths: Regex | undefined
}

const everywhere = ['http', 'http.server', 'http.location'] as const

const settingsFile: ValueType<TelemetrySettings> = {
  describe: 'file',
  parse: ([name = ''], env) => {
    const path = env.confPath(name)
    dependOnFile(env.node, path)
    try {
      return parseTelemetrySettings(readProtected(path))
    } catch (error) {
      if (error instanceof ConfError) throw new ConfError(`${error.message} of "${path}"`)
      const reason = errnoText(error as NodeJS.ErrnoException)
      throw new ConfError(`open() "${path}" failed (${reason})`)
    }
  },
}

const propagation: ValueType<Propagation> = {
  describe: '[b3 | b3multi]',
  parse: ([name]) => {
    if (name === undefined) return 'w3c'
    if (name === 'b3' || name === 'b3multi') return name
    throw new ConfError(`invalid value "${name}", it must be "b3" or "b3multi"`)
  },
}

const regex: ValueType<Regex> = {
  describe: 'regex',
  parse: ([source = '']) => compileRegex(source, { ignoreCase: true }),
}

const attribute: ValueType<readonly SpanAttribute[]> = {
  describe: 'key value',
  parse: ([key = '', value = ''], env) => {
    if (key === '') throw new ConfError('an attribute must have a name')
    return [{ key, value: env.complex(value) }]
  },
}

const variables: RequestVariables = {
  opentelemetry_trace_id: ofSpan(
    (span, sink) => span.appendTraceId(sink),
    'Identifier of the request’s trace.',
  ),
  opentelemetry_span_id: ofSpan(
    (span, sink) => span.appendSpanId(sink),
    'Identifier of the request’s span.',
  ),
  opentelemetry_context_traceparent: ofSpan(
    (span, sink) => span.appendTraceparent(sink),
    'Place in the trace as W3C Trace Context says it.',
  ),
  opentelemetry_context_b3: live((request) => {
    const span = spanOf(request)
    const way = confOf(request.main).opentelemetry_propagate ?? 'w3c'
    if (span?.known !== true || way === 'w3c') return undefined
    return spanText(span, (known, sink) => known.appendB3(sink))
  }, 'Place in the trace as B3 says it, where that is what upstreams are told.'),
}

export const httpOpenTelemetry: HttpModule<HttpOpenTelemetryConf> =
  defineHttpModule<HttpOpenTelemetryConf>({
    id: 'http.opentelemetry',
    loadNames: ['otel_ngx_module', 'http_opentelemetry_module'],
    variables,
    idle: true,
    directives: {
      opentelemetry_config: {
        contexts: ['http'],
        args: [1, 1],
        syntax: 'opentelemetry_config file',
        value: settingsFile,
        default: undefined,
        doc: 'Sets the file (TOML) that says where traces and metrics go; without one nothing is traced.',
      },
      opentelemetry: {
        contexts: everywhere,
        args: [1, 1],
        syntax: 'opentelemetry on | off',
        value: flag,
        default: true,
        doc: 'Traces requests, where there is an "opentelemetry_config".',
      },
      opentelemetry_propagate: {
        contexts: everywhere,
        args: [0, 1],
        syntax: 'opentelemetry_propagate [b3 | b3multi]',
        value: propagation,
        default: undefined,
        doc: 'Tells upstreams where a request stands in its trace: by W3C Trace Context, or by B3.',
      },
      opentelemetry_trust_incoming_spans: {
        contexts: everywhere,
        args: [1, 1],
        syntax: 'opentelemetry_trust_incoming_spans on | off',
        value: flag,
        default: true,
        doc: 'Continues the traces of clients.',
      },
      opentelemetry_operation_name: {
        contexts: everywhere,
        args: [1, 1],
        syntax: 'opentelemetry_operation_name name',
        value: complexValue,
        default: undefined,
        doc: 'Names the spans; their method and location do otherwise.',
      },
      opentelemetry_attribute: {
        contexts: everywhere,
        args: [2, 2],
        syntax: 'opentelemetry_attribute key value',
        secret: 'field',
        value: attribute,
        default: [],
        merge: concat,
        doc: 'Adds an attribute to the spans.',
      },
      opentelemetry_capture_headers: {
        contexts: everywhere,
        args: [1, 1],
        syntax: 'opentelemetry_capture_headers on | off',
        value: flag,
        default: false,
        doc: 'Adds the fields of request and response to the spans.',
      },
      opentelemetry_sensitive_header_names: {
        contexts: everywhere,
        args: [1, 1],
        syntax: 'opentelemetry_sensitive_header_names regex',
        value: regex,
        default: undefined,
        doc: 'Hides the values of captured fields with such names.',
      },
      opentelemetry_sensitive_header_values: {
        contexts: everywhere,
        args: [1, 1],
        syntax: 'opentelemetry_sensitive_header_values regex',
        value: regex,
        default: undefined,
        doc: 'Hides such values of captured fields.',
      },
      opentelemetry_ignore_paths: {
        contexts: everywhere,
        args: [1, 1],
        syntax: 'opentelemetry_ignore_paths regex',
        value: regex,
        default: undefined,
        doc: 'Leaves requests with such targets out of traces.',
      },
    },
    hooks: {
      // Here and not with the first variable that asks: what is begun in the background copies it.
      rewrite: (conf): Handler | undefined => {
        if (!isTraced(conf)) return undefined
        return (request) => {
          spanOf(request)
          return outcomes.next
        }
      },
      log: (conf, env): LogHandler | undefined => {
        if (!isTraced(conf)) return undefined
        const rules = compileRules(conf, env)
        timeRequests()
        return (request) => {
          if (request.parent === undefined) recordRequest(request, spanOf(request)!, rules)
        }
      },
    },
  })

function isTraced(conf: HttpOpenTelemetryConf): boolean {
  return conf.opentelemetry && conf.opentelemetry_config !== undefined
}

function confOf({ location }: Request): HttpOpenTelemetryConf {
  return location.scope.conf(httpOpenTelemetry)
}

/** The span of the client's request, begun if need be; `undefined` where nothing is traced. */
function spanOf(request: Request): RequestSpan | undefined {
  const { main } = request
  if (main.span !== undefined && main.span.state !== spanStates.none) return main.span
  const conf = confOf(main)
  if (!isTraced(conf)) return undefined
  main.span ??= new RequestSpan()
  main.span.begin(main, spanRulesOf(conf))
  return main.span
}

const spanRules = new WeakMap<HttpOpenTelemetryConf, SpanRules>()

function spanRulesOf(conf: HttpOpenTelemetryConf): SpanRules {
  let rules = spanRules.get(conf)
  if (rules === undefined) {
    const { opentelemetry_ignore_paths: ignored } = conf
    rules = {
      sampler: conf.opentelemetry_config!.sampler,
      propagation: conf.opentelemetry_propagate ?? 'w3c',
      trustsCallers: conf.opentelemetry_trust_incoming_spans,
      ignores: ({ head }) => ignored?.test(head.text(head.targetStart, head.targetEnd)) ?? false,
    }
    spanRules.set(conf, rules)
  }
  return rules
}

function compileRules(conf: HttpOpenTelemetryConf, env: LocationEnv): RecordRules {
  return {
    sink: spanSinkOf(env.services.zoneMemory),
    measures: conf.opentelemetry_config!.metricsIntervalMs !== undefined,
    route: routeOf(env.pattern),
    operation: conf.opentelemetry_operation_name,
    attributes: conf.opentelemetry_attribute,
    capture: conf.opentelemetry_capture_headers
      ? {
          secretNames: conf.opentelemetry_sensitive_header_names,
          secretValues: conf.opentelemetry_sensitive_header_values,
        }
      : undefined,
  }
}

/** What anybody may ask for; a named location is no path. */
function routeOf(pattern: LocationPattern | undefined): string {
  if (pattern === undefined) return ''
  return isPath(pattern) || pattern.kind === 'regex' ? pattern.text : ''
}

/** A variable that says something of the request's span. */
function ofSpan(append: AppendSpan, doc: string): RequestVariables[string] {
  const read = (request: Request): string | undefined => {
    const span = spanOf(request)
    return span?.known === true ? spanText(span, append) : undefined
  }
  return direct(live(read, doc), (request, sink) => {
    const span = spanOf(request)
    if (span?.known !== true) return false
    append(span, sink)
    return true
  })
}

/** What makes spans of a location's tries to pass requests on; `undefined` where nothing is traced. */
export function traceAttempts(
  { scope, services }: LocationEnv,
  protocol: Pick<AttemptTracingOptions, 'version' | 'methodOf'>,
): AttemptTracing | undefined {
  if (!isTraced(scope.conf(httpOpenTelemetry))) return undefined
  return new AttemptTracing({ ...protocol, sink: spanSinkOf(services.zoneMemory), spanOf })
}

/** The fields of requests that are passed on: what a location sets itself goes before what tracing would. */
export function withContext(set: readonly ContextField[], scope: Scope): readonly ContextField[] {
  const conf = scope.conf(httpOpenTelemetry)
  const { opentelemetry_propagate: way } = conf
  if (way === undefined || !isTraced(conf)) return set
  const names = new Set(set.map(({ name }) => name.toLowerCase()))
  const ours = contextFields(way, spanOf).filter(({ name }) => !names.has(name.toLowerCase()))
  return [...set, ...ours]
}
