/** `log_format`, `access_log`: a line for each session that ends. */
import type { CompileSession } from '../../core/compile-session.ts'
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
import { defineStreamModule, type StreamModule } from '../module.ts'

export interface StreamLogConf {
  readonly log_format: readonly LogFormat[]
  readonly access_log: readonly AccessLogSetting[]
  /** `undefined` for `off`. */
  readonly open_log_file_cache: LogFileCacheOptions | undefined
}

export const streamLog: StreamModule<StreamLogConf> = defineStreamModule<StreamLogConf>({
  id: 'stream.log',
  directives: {
    log_format: {
      contexts: ['stream'],
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
      contexts: ['stream', 'stream.server'],
      args: [1, Infinity],
      syntax:
        'access_log path format [buffer=size] [gzip[=level]] [flush=time] [if=condition] | off',
      value: {
        describe: 'path format [parameters] | off',
        parse: parseAccessLog,
      },
      default: [],
      merge: mergeAccessLogs,
      doc: 'Sets where and how sessions are logged.',
    },
    open_log_file_cache: {
      contexts: ['stream', 'stream.server'],
      args: [1, 4],
      syntax: 'open_log_file_cache max=N [inactive=time] [min_uses=N] [valid=time] | off',
      value: logFileCacheOptions,
      default: undefined,
      doc: 'Holds log files open whose names have variables.',
    },
  },
  check: checkFormats,
  hooks: {
    log: (conf, { services, session, scope }) => {
      const { access_log: settings, log_format: formats } = conf
      if (settings.length === 0) return undefined
      const cache = logFileCacheOf(conf.open_log_file_cache)
      const node = scope.own('access_log')[0] ?? scope.parent?.own('access_log')[0]
      const targets = session.attempt(node, () => toTargets(settings, formats, { cache })) ?? []
      return (ended) => services.accessLogs.log(targets, ended)
    },
  },
})

function checkFormats(scope: Scope, session: CompileSession): void {
  const seen = new Set<string>()
  for (const node of scope.own('log_format')) {
    const [name = ''] = node.args
    if (seen.has(name)) session.fail(`duplicate "log_format" name "${name}"`, node)
    seen.add(name)
  }
}
