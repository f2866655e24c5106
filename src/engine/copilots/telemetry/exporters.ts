/** The SDK's OTLP exporters, as the settings have them; loaded when they are wanted. */
import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import { diag, type DiagLogger, DiagLogLevel } from '@opentelemetry/api'
import type { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics'
import {
  defaultResource,
  detectResources,
  type Resource,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources'
import type { SpanExporter } from '@opentelemetry/sdk-trace'
import type { Log } from '../../core/log.ts'
import type { ExporterSettings, TelemetrySettings } from '../../http/telemetry/settings-file.ts'
import { product } from '../../process/product.ts'

export async function createSpanExporter(settings: ExporterSettings): Promise<SpanExporter> {
  const { OTLPTraceExporter: Exporter } =
    settings.protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto')
  return new Exporter(optionsOf(settings, 'v1/traces'))
}

export async function createMetricExporter(
  settings: ExporterSettings,
): Promise<PushMetricExporter> {
  const { OTLPMetricExporter: Exporter } =
    settings.protocol === 'http/json'
      ? await import('@opentelemetry/exporter-metrics-otlp-http')
      : await import('@opentelemetry/exporter-metrics-otlp-proto')
  return new Exporter(optionsOf(settings, 'v1/metrics'))
}

type Options = NonNullable<ConstructorParameters<typeof OTLPTraceExporter>[0]>

/** Without a URL the SDK takes `OTEL_EXPORTER_OTLP_ENDPOINT`, or its default. */
function optionsOf(settings: ExporterSettings, path: string): Options {
  const { url, certificates, compression, timeoutMs, headers } = settings
  return {
    ...(url !== undefined && { url: `${url}/${path}` }),
    headers: { ...headers },
    timeoutMillis: timeoutMs,
    compression: compression as NonNullable<Options['compression']>,
    httpAgentOptions: {
      keepAlive: true,
      ...(certificates !== undefined && { ca: trusted(certificates) }),
    },
  }
}

function trusted(path: string): readonly string[] {
  return [...rootCertificates, readFileSync(path, 'utf8')]
}

/** Who says it: the SDK's defaults, then the environment, then the file. */
export function createResource({ resource }: TelemetrySettings): Resource {
  const own = { 'service.name': product.name, 'service.version': product.version }
  return defaultResource()
    .merge(resourceFromAttributes(own))
    .merge(detectResources({ detectors: [resourceAttributesEnvDetector, serviceNameEnvDetector] }))
    .merge(resourceFromAttributes({ ...resource }))
}

/** What the SDK has to say goes to the copilot's log. */
export function logDiagnostics(log: Log): void {
  const at =
    (level: 'error' | 'warn' | 'info') =>
    (message: string, ...args: readonly unknown[]): void =>
      log.write(level, ['telemetry:', message, ...args.map(String)].join(' '))
  const logger: DiagLogger = {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: () => {},
    verbose: () => {},
  }
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
}
