/**
 * The file of `opentelemetry_config`, in the form that the OpenTelemetry module for nginx has.
 *
 * ```toml
 * exporter = "otlp"                 # the one there is
 * processor = "batch"               # or "simple": every span by itself
 *
 * [exporters.otlp]
 * host = "localhost"
 * port = 4318
 * protocol = "http/protobuf"        # or "http/json"
 * use_ssl = false
 * ssl_cert_path = "/etc/ssl/collector.pem"
 * compression = "none"              # or "gzip"
 * timeout_millis = 10000
 * [exporters.otlp.headers]
 * x-api-key = "secret"
 *
 * [processors.batch]
 * max_queue_size = 2048
 * schedule_delay_millis = 5000
 * max_export_batch_size = 512
 *
 * [service]
 * name = "edge"
 * [resource]
 * "deployment.environment.name" = "production"
 *
 * [sampler]
 * name = "AlwaysOn"                 # AlwaysOff, TraceIdRatioBased
 * ratio = 0.1
 * parent_based = false
 *
 * [metrics]                         # where it stands, metrics are exported too
 * interval_millis = 60000
 * ```
 *
 * A name that is not known is refused: a wrong word must not turn into a collector that hears nothing.
 */
import { ConfError } from '../../conf/diagnostics.ts'
import { parseToml, type TomlScalar, type TomlTable, type TomlValue } from '../../conf/toml.ts'

export type SamplerName = 'AlwaysOn' | 'AlwaysOff' | 'TraceIdRatioBased'

export interface SamplerSettings {
  readonly name: SamplerName
  /** Share of the traces that `TraceIdRatioBased` takes, from 0 to 1. */
  readonly ratio: number
  /** The caller's decision goes before the sampler's. */
  readonly parentBased: boolean
}

export interface ExporterSettings {
  /** `http://localhost:4318`; `undefined` where the environment or the SDK's default says it. */
  readonly url: string | undefined
  readonly protocol: 'http/protobuf' | 'http/json'
  /** Path of certificates in PEM to trust, beside those of the system. */
  readonly certificates: string | undefined
  readonly compression: 'none' | 'gzip'
  readonly timeoutMs: number
  readonly headers: Readonly<Record<string, string>>
}

export interface BatchSettings {
  /** Spans that are held at most. */
  readonly queueMax: number
  readonly delayMs: number
  /** Spans of one export. */
  readonly batchMax: number
}

export interface TelemetrySettings {
  readonly exporter: ExporterSettings
  readonly batch: BatchSettings
  readonly sampler: SamplerSettings
  /** Attributes of the resource, `service.name` among them where the file says it. */
  readonly resource: Readonly<Record<string, TomlScalar>>
  /** `undefined` where no metrics are wanted. */
  readonly metricsIntervalMs: number | undefined
}

const limits = {
  queueMax: 1_000_000,
  delayMsMax: 600_000,
  timeoutMsMax: 600_000,
  intervalMsMax: 3_600_000,
  portMax: 65_535,
} as const

/** Reads the text of the file; throws `ConfError` in words that name the field. */
export function parseTelemetrySettings(text: string): TelemetrySettings {
  const file = new Fields(parseToml(text), '')
  file.oneOf('exporter', ['otlp'], 'otlp')
  const processor = file.oneOf('processor', ['batch', 'simple'], 'batch')
  const exporter = file.table('exporters', (all) => all.table('otlp', readExporter))
  const batch = file.table('processors', (all) => all.table('batch', readBatch))
  const service = file.table('service', readResource('service.'))
  const resource = file.table('resource', readResource(''))
  const sampler = file.table('sampler', readSampler)
  const metricsIntervalMs = file.has('metrics') ? file.table('metrics', readMetrics) : undefined
  file.end()
  return {
    exporter,
    batch: processor === 'simple' ? { ...batch, delayMs: 0, batchMax: 1 } : batch,
    sampler,
    resource: { ...resource, ...service },
    metricsIntervalMs,
  }
}

function readExporter(fields: Fields): ExporterSettings {
  const placed = fields.has('host') || fields.has('port') || fields.has('use_ssl')
  const host = fields.text('host', 'localhost')
  const port = fields.count('port', 4318, { min: 1, max: limits.portMax })
  const scheme = fields.flag('use_ssl', false) ? 'https' : 'http'
  const literal = host.includes(':') ? `[${host}]` : host
  return {
    url: placed ? `${scheme}://${literal}:${port}` : undefined,
    protocol: fields.oneOf('protocol', ['http/protobuf', 'http/json'], 'http/protobuf'),
    certificates: fields.has('ssl_cert_path') ? fields.text('ssl_cert_path', '') : undefined,
    compression: fields.oneOf('compression', ['none', 'gzip'], 'none'),
    timeoutMs: fields.count('timeout_millis', 10_000, { min: 1, max: limits.timeoutMsMax }),
    headers: fields.table('headers', (headers) => headers.texts()),
  }
}

function readBatch(fields: Fields): BatchSettings {
  const queueMax = fields.count('max_queue_size', 2048, { min: 1, max: limits.queueMax })
  const batchMax = fields.count('max_export_batch_size', Math.min(512, queueMax), {
    min: 1,
    max: queueMax,
  })
  const delayMs = fields.count('schedule_delay_millis', 5_000, { min: 0, max: limits.delayMsMax })
  return { queueMax, delayMs, batchMax }
}

function readResource(prefix: string): (fields: Fields) => Readonly<Record<string, TomlScalar>> {
  return (fields) =>
    Object.fromEntries(
      Object.entries(fields.scalars()).map(([name, value]) => [`${prefix}${name}`, value]),
    )
}

function readSampler(fields: Fields): SamplerSettings {
  return {
    name: fields.oneOf('name', ['AlwaysOn', 'AlwaysOff', 'TraceIdRatioBased'], 'AlwaysOn'),
    ratio: fields.ratio('ratio', 1),
    parentBased: fields.flag('parent_based', false),
  }
}

function readMetrics(fields: Fields): number {
  return fields.count('interval_millis', 60_000, { min: 100, max: limits.intervalMsMax })
}

/** One table of the file, whose fields are taken one by one; what is left at the end is not known. */
class Fields {
  readonly #values: Map<string, TomlValue>
  readonly #path: string

  constructor(table: TomlTable, path: string) {
    this.#values = new Map(Object.entries(table))
    this.#path = path
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  text(name: string, usual: string): string {
    const value = this.#take(name) ?? usual
    return typeof value === 'string' ? value : this.#refuse(name, 'a string')
  }

  flag(name: string, usual: boolean): boolean {
    const value = this.#take(name) ?? usual
    return typeof value === 'boolean' ? value : this.#refuse(name, 'true or false')
  }

  count(
    name: string,
    usual: number,
    { min, max }: { readonly min: number; readonly max: number },
  ): number {
    const value = this.#take(name) ?? usual
    const fits = typeof value === 'number' && Number.isInteger(value)
    if (fits && value >= min && value <= max) return value
    return this.#refuse(name, `a number from ${min} to ${max}`)
  }

  ratio(name: string, usual: number): number {
    const value = this.#take(name) ?? usual
    if (typeof value === 'number' && value >= 0 && value <= 1) return value
    return this.#refuse(name, 'a number from 0 to 1')
  }

  oneOf<const T extends string>(name: string, choices: readonly T[], usual: T): T {
    const value = this.#take(name) ?? usual
    const found = choices.find((choice) => choice === value)
    return found ?? this.#refuse(name, choices.map((choice) => `"${choice}"`).join(' or '))
  }

  /** All fields, which may have any names. */
  scalars(): Readonly<Record<string, TomlScalar>> {
    const found = [...this.#values].map(([name, value]) => {
      if (typeof value === 'object') this.#refuse(name, 'a string, a number, true or false')
      return [name, value] as const
    })
    this.#values.clear()
    return Object.fromEntries(found)
  }

  texts(): Readonly<Record<string, string>> {
    const entries = Object.entries(this.scalars())
    return Object.fromEntries(
      entries.map(([name, value]) => [
        name,
        typeof value === 'string' ? value : this.#refuse(name, 'a string'),
      ]),
    )
  }

  /** Reads a table within; an empty one where the file has none. */
  table<T>(name: string, read: (fields: Fields) => T): T {
    const value = this.#take(name) ?? {}
    if (typeof value !== 'object' || Array.isArray(value)) this.#refuse(name, 'a table')
    const inner = new Fields(value as TomlTable, `${this.#path}${name}.`)
    const found = read(inner)
    inner.end()
    return found
  }

  end(): void {
    const [unknown] = this.#values.keys()
    if (unknown !== undefined) throw new ConfError(`unknown field "${this.#path}${unknown}"`)
  }

  #take(name: string): TomlValue | undefined {
    const value = this.#values.get(name)
    this.#values.delete(name)
    return value
  }

  #refuse(name: string, expected: string): never {
    throw new ConfError(`"${this.#path}${name}" must be ${expected}`)
  }
}
