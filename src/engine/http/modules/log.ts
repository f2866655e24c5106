/** `log_format`, `access_log`: a line for each request. */
import type { CompileSession } from '../../core/compile-session.ts'
import { constantValue } from '../../core/complex-value.ts'
import type { ValueType } from '../../core/module.ts'
import type { Scope } from '../../core/scope.ts'
import {
  type AccessLogSetting,
  mergeAccessLogs,
  parseAccessLog,
  toTargets,
} from '../../modules/access-log-directive.ts'
import {
  logFileCacheOf,
  type LogFileCacheOptions,
  logFileCacheOptions,
} from '../../modules/log-file-cache.ts'
import { type LogFormat, parseLogFormat } from '../../modules/log-format.ts'
import { concat } from '../../modules/value-types.ts'
import { defineHttpModule, type HttpModule, type LocationEnv } from '../module.ts'

export interface HttpLogConf {
  readonly log_format: readonly LogFormat[]
  /** `undefined` where no block says anything: nginx's log in its usual place. */
  readonly access_log: readonly AccessLogSetting[] | undefined
  /** `undefined` for `off`. */
  readonly open_log_file_cache: LogFileCacheOptions | undefined
}

/** The format that is always there. */
const combined = [
  'combined',
  '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"',
] as const

const usualPath = 'logs/access.log'
const everywhere = ['http', 'http.server', 'http.location'] as const

const logs: ValueType<readonly AccessLogSetting[] | undefined> = {
  describe: 'path [format [parameters]] | off',
  parse: parseAccessLog,
}

export const httpLog: HttpModule<HttpLogConf> = defineHttpModule<HttpLogConf>({
  id: 'http.log',
  directives: {
    log_format: {
      contexts: ['http'],
      args: [2, Infinity],
      syntax: 'log_format name [escape=default|json|none] string ...',
      value: {
        describe: 'name [escape=default|json|none] string ...',
        parse: (args, env) => [parseLogFormat(args, env)],
      },
      default: [],
      merge: concat,
      doc: 'Sets the format of an access log.',
    },
    access_log: {
      contexts: [...everywhere, 'http.location.if', 'http.limit_except'],
      args: [1, Infinity],
      syntax:
        'access_log path [format [buffer=size] [gzip[=level]] [flush=time] [if=condition]] | off',
      value: logs,
      default: undefined,
      merge: (lists) => mergeAccessLogs(lists.map((list) => list ?? [])),
      doc: 'Sets where and how requests are logged.',
    },
    open_log_file_cache: {
      contexts: everywhere,
      args: [1, 4],
      syntax: 'open_log_file_cache max=N [inactive=time] [min_uses=N] [valid=time] | off',
      value: logFileCacheOptions,
      default: undefined,
      doc: 'Holds log files open whose names have variables.',
    },
  },
  check: checkFormats,
  hooks: {
    log: (conf, env) => {
      const settings = conf.access_log ?? usualLog(env)
      if (settings.length === 0) return undefined
      const { services, session, scope, node } = env
      const fallback = combinedFormat(env)
      const formats = [...conf.log_format, fallback]
      const at = directiveOf(scope) ?? node
      const cache = logFileCacheOf(conf.open_log_file_cache)
      const targets =
        session.attempt(at, () => toTargets(settings, formats, { fallback, cache })) ?? []
      return (request) => services.accessLogs.log(targets, request)
    },
  },
})

function combinedFormat({ variables, session, node, scope }: LocationEnv): LogFormat {
  return parseLogFormat(combined, {
    node,
    context: scope.context,
    prefixPath: (path) => session.prefixPath(path),
    confPath: (path) => session.confPath(path),
    complex: (text) => variables.complex(text, node),
    variables,
  })
}

function usualLog({ session }: LocationEnv): readonly AccessLogSetting[] {
  const path = constantValue(session.prefixPath(usualPath))
  const format = undefined
  const plain = { bufferBytes: 0, flushMs: 0, gzipLevel: 0, condition: undefined }
  return [{ path, syslog: undefined, format, ...plain }]
}

/** The `access_log` in force: this block's, or the nearest one's around it. */
function directiveOf(scope: Scope): ReturnType<Scope['own']>[number] | undefined {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
    const [own] = at.own('access_log')
    if (own !== undefined) return own
  }
  return undefined
}

function checkFormats(scope: Scope, session: CompileSession): void {
  const seen = new Set<string>(['combined'])
  for (const node of scope.own('log_format')) {
    const [name = ''] = node.args
    if (seen.has(name)) session.fail(`duplicate "log_format" name "${name}"`, node)
    seen.add(name)
  }
}
