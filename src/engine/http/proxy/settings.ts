/** The settings of a proxy as its requests use them: looked up and composed once for each location. */
import { ConfError } from '../../conf/diagnostics.ts'
import type { ComplexValue } from '../../core/complex-value.ts'
import { constantValue } from '../../core/complex-value.ts'
import { compileConnectOptions } from '../../modules/proxy-bind.ts'
import { compileProxySsl, type ProxySslConf, type SecureUpstream } from '../../modules/proxy-ssl.ts'
import { tlsContextsOf } from '../../modules/tls-contexts.ts'
import type { UpstreamCell } from '../../modules/upstreams/upstream-cells.ts'
import type { ConnectOptions } from '../../net/transport.ts'
import { isPath } from '../location.ts'
import type { LocationEnv } from '../module.ts'
import { httpCore } from '../modules/core.ts'
import { traceAttempts, withContext } from '../modules/opentelemetry.ts'
import { NameIndex } from '../name-index.ts'
import type { Request } from '../request.ts'
import type { AttemptTracing } from '../telemetry/attempt-tracing.ts'
import { findUpstreamNameId, upstreamNames } from '../upstream-names.ts'
import { compileCookies, type CookieRewrite } from './cookies.ts'
import type { ProxyConf } from './directives.ts'
import { compileRedirects, type DefaultRedirect, type Redirect } from './redirects.ts'
import { RequestPlan } from './request-plan.ts'
import type { SpoolLimits } from './response-spool.ts'
import { parseProxyUrl, type ProxyUrl, readProxyUrl } from './target.ts'

export interface ProxySettings {
  /** Where requests go; one of both is set. */
  readonly url: ProxyUrl | undefined
  readonly pass: ComplexValue
  /** Reads what variables make of it; `undefined` for what is no URL. */
  readonly parseUrl: (text: string) => ProxyUrl | undefined
  readonly cell: UpstreamCell | undefined
  /** Characters of the location that the URI of `proxy_pass` takes the place of. */
  readonly cut: number
  readonly plan: RequestPlan
  readonly http11: boolean
  readonly setBody: ComplexValue | undefined
  readonly passBody: boolean
  readonly requestBuffering: boolean
  /** Gives fields of the response their ids. */
  readonly names: NameIndex
  /** By id: 1 for fields that are kept from the client. */
  readonly hidden: Uint8Array
  readonly headBytesMax: number
  readonly redirect: Redirect | undefined
  readonly cookies: CookieRewrite | undefined
  /** Fields that are not acted upon, in lower case. */
  readonly ignored: ReadonlySet<string>
  readonly passTrailers: boolean
  readonly earlyHints: readonly ComplexValue[]
  readonly buffering: boolean
  readonly spool: SpoolLimits
  readonly limitRate: ComplexValue | undefined
  readonly connectTimeoutMs: number
  readonly readTimeoutMs: number
  readonly sendTimeoutMs: number
  readonly next: number
  /** 0: as many as the group has. */
  readonly nextTries: number
  /** 0: no limit. */
  readonly nextTimeoutMs: number
  readonly interceptErrors: boolean
  readonly ignoreClientAbort: boolean
  readonly forceRanges: boolean
  readonly connectOptions: (request: Request) => ConnectOptions
  readonly secure: SecureUpstream<Request>
  /** Tells connections apart that are made in other ways than plain ones. */
  readonly poolKey: string
  readonly bindsAddress: boolean
  /** `undefined` where nothing is traced. */
  readonly tracing: AttemptTracing | undefined
}

type Conf = ProxyConf & ProxySslConf

/** Kept from the client unless `proxy_pass_header` says otherwise. */
const usuallyHidden = [
  'date',
  'server',
  'x-pad',
  'x-accel-expires',
  'x-accel-redirect',
  'x-accel-limit-rate',
  'x-accel-buffering',
  'x-accel-charset',
]

/** Of the connection with the upstream, or written by us from what they say. */
const alwaysHidden = [
  'connection',
  'keep-alive',
  'content-type',
  'content-length',
  'transfer-encoding',
]

/** How a directive that passes requests on names their targets. */
export interface PassDialect {
  readonly directive: 'proxy_pass' | 'grpc_pass'
  /** Protocols that are offered over TLS; none for HTTP/1, as nginx does it. */
  readonly alpn: readonly string[]
  /** Of the protocol; `undefined` where `proxy_http_version` says it. */
  readonly version: string | undefined
  /** Throws `ConfError` in nginx's words. */
  readonly parse: (text: string) => ProxyUrl
  /** The same for values of variables: `undefined` for what is no URL. */
  readonly read: (text: string) => ProxyUrl | undefined
}

const proxyDialect: PassDialect = {
  directive: 'proxy_pass',
  alpn: [],
  version: undefined,
  parse: parseProxyUrl,
  read: readProxyUrl,
}

export function compileProxySettings(
  conf: Conf,
  env: LocationEnv,
  dialect: PassDialect = proxyDialect,
): ProxySettings {
  const pass = conf.proxy_pass!
  const url = pass.constant === undefined ? undefined : dialect.parse(pass.constant)
  if (url !== undefined && url.uri !== '') checkPlace(env)
  const hiding = compileHidden(conf)
  const plan = compilePlan(conf, url, env)
  return {
    url,
    pass,
    parseUrl: dialect.read,
    cell: url && useCell(url, env, dialect.directive),
    cut: cutOf(url, env),
    plan,
    http11: conf.proxy_http_version === '1.1',
    setBody: conf.proxy_set_body,
    passBody: conf.proxy_pass_request_body,
    requestBuffering: conf.proxy_request_buffering,
    ...hiding,
    headBytesMax: conf.proxy_buffer_size,
    redirect: compileRedirect(conf, url, env),
    cookies: compileCookies(conf),
    ignored: new Set(conf.proxy_ignore_headers),
    passTrailers: conf.proxy_pass_trailers,
    earlyHints: conf.early_hints,
    ...compileBuffering(conf, env),
    connectTimeoutMs: conf.proxy_connect_timeout,
    readTimeoutMs: conf.proxy_read_timeout,
    sendTimeoutMs: conf.proxy_send_timeout,
    next: conf.proxy_next_upstream,
    nextTries: conf.proxy_next_upstream_tries,
    nextTimeoutMs: conf.proxy_next_upstream_timeout,
    interceptErrors: conf.proxy_intercept_errors,
    ignoreClientAbort: conf.proxy_ignore_client_abort,
    forceRanges: conf.proxy_force_ranges,
    ...compileConnecting(conf, url, { env, dialect }),
    tracing: traceAttempts(env, {
      version: dialect.version ?? conf.proxy_http_version,
      methodOf: (request) => plan.methodOf(request),
    }),
  }
}

function useCell(
  { target, defaultPort }: ProxyUrl,
  env: LocationEnv,
  directive: string,
): UpstreamCell {
  const at = env.scope.settings.findLast(({ name }) => name === directive)
  return env.upstreams.use(target, at, defaultPort === undefined ? {} : { defaultPort })
}

/** Where there is no text of a location that a URI could take the place of. */
function checkPlace({ pattern, scope }: LocationEnv): void {
  const plain = pattern !== undefined && isPath(pattern)
  if (plain && scope.context === 'http.location') return
  throw new ConfError(
    '"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, or inside "if" statement, or inside "limit_except" block',
  )
}

function cutOf(url: ProxyUrl | undefined, { pattern }: LocationEnv): number {
  return url === undefined || url.uri === '' ? 0 : (pattern?.text.length ?? 0)
}

function compilePlan(conf: Conf, url: ProxyUrl | undefined, env: LocationEnv): RequestPlan {
  return new RequestPlan({
    version: conf.proxy_http_version,
    method: conf.proxy_method,
    headers: withContext(conf.proxy_set_header, env.scope),
    passHeaders: conf.proxy_pass_request_headers,
    host:
      url === undefined ? env.variables.complex('$proxy_host', env.node) : constantValue(url.host),
  })
}

function compileHidden(conf: Conf): Pick<ProxySettings, 'names' | 'hidden'> {
  const passed = new Set(conf.proxy_pass_header.map((name) => name.toLowerCase()))
  const named = conf.proxy_hide_header.map((name) => name.toLowerCase())
  const wanted = [...usuallyHidden.filter((name) => !passed.has(name)), ...named]
  const others = [...new Set(named.filter((name) => findUpstreamNameId(name) < 0))]
  const all = [...upstreamNames, ...others]
  const hidden = Uint8Array.from(all, (name) =>
    wanted.includes(name) || alwaysHidden.includes(name) ? 1 : 0,
  )
  return { names: new NameIndex(all), hidden }
}

function compileRedirect(
  conf: Conf,
  url: ProxyUrl | undefined,
  env: LocationEnv,
): Redirect | undefined {
  const explicit = conf.proxy_redirect !== undefined
  return compileRedirects(conf.proxy_redirect, url && usualRedirect(url, env), explicit)
}

/** nginx's: the URL as it stands, or with a slash where it has no path. */
function usualRedirect(url: ProxyUrl, { pattern }: LocationEnv): DefaultRedirect {
  const scheme = url.tls ? 'https://' : 'http://'
  const written = url.target.startsWith('unix:') ? `${url.target}:` : url.host
  const from = `${scheme}${written}${url.uri === '' ? '/' : url.uri}`
  const plain = pattern !== undefined && isPath(pattern)
  return { from, to: url.uri !== '' && plain ? pattern.text : '/' }
}

/** As nginx, where nothing is said: a file of 1 GiB, in the prefix. */
const fileBytesDefault = 1024 * 1024 * 1024
const folderDefault = 'proxy_temp'

function compileBuffering(
  conf: Conf,
  { session }: LocationEnv,
): Pick<ProxySettings, 'buffering' | 'spool' | 'limitRate'> {
  const { count, bytes } = conf.proxy_buffers
  return {
    buffering: conf.proxy_buffering,
    spool: {
      memoryBytes: count * bytes,
      fileBytes: conf.proxy_max_temp_file_size ?? fileBytesDefault,
      folder:
        conf.proxy_temp_path === '' ? session.prefixPath(folderDefault) : conf.proxy_temp_path,
    },
    limitRate: conf.proxy_limit_rate,
  }
}

function compileConnecting(
  conf: Conf,
  url: ProxyUrl | undefined,
  {
    env: { scope, services },
    dialect,
  }: { readonly env: LocationEnv; readonly dialect: PassDialect },
): Pick<ProxySettings, 'connectOptions' | 'secure' | 'poolKey' | 'bindsAddress'> {
  const { tcp_nodelay: noDelay } = scope.conf(httpCore)
  const hostOf = (request: Request): string => url?.host ?? request.trail?.proxyHost ?? ''
  return {
    connectOptions: compileConnectOptions<Request>(conf, noDelay, (request, message) =>
      request.logError(message),
    ),
    secure: compileProxySsl<Request>(conf, tlsContextsOf(services.zoneMemory), {
      target: hostOf,
      alpn: dialect.alpn,
    }),
    poolKey: poolKeyOf(conf),
    bindsAddress: conf.proxy_bind !== undefined,
  }
}

/** What is agreed upon once for a connection must be the same for all its requests. */
function poolKeyOf(conf: Conf): string {
  const ssl = Object.entries(conf)
    .filter(([name]) => name.startsWith('proxy_ssl_') || name === 'proxy_bind')
    .map(([name, value]) => `${name}=${describe(value)}`)
  return ssl.join(' ')
}

function describe(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => inner) ?? ''
}
