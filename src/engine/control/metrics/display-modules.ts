/**
 * `vhost_traffic_status_display*` and `stream_server_traffic_status_display*`: pages of control that show what
 * the workers count.
 */
import { ConfError } from '../../conf/diagnostics.ts'
import type { Row, ValueType } from '../../core/module.ts'
import { type AnyHttpModule, defineHttpModule, type HttpModule } from '../../http/module.ts'
import { flag, oneOf, text } from '../../modules/value-types.ts'
import { type Entrance, guarded } from '../http-access.ts'
import type { ControlPlane } from '../plane.ts'
import { httpDialect, streamDialect } from './traffic-dialect.ts'
import { createDisplay, type DisplayFormat, displayFormats } from './traffic-display.ts'

/** What is shown, and by which door; throws `ConfError` where there is no control. */
export type ControlOf = (directive: string) => {
  readonly plane: ControlPlane
  readonly version: string
  readonly entrance: Entrance
}

interface Display {
  /** Name of the zone; the one that there is, without. */
  readonly zone: string | undefined
}

interface HttpDisplayConf {
  readonly vhost_traffic_status_display: Display | undefined
  readonly vhost_traffic_status_display_format: DisplayFormat
  readonly vhost_traffic_status_display_jsonp: string
  readonly vhost_traffic_status_display_sum_key: string
}

interface StreamDisplayConf {
  readonly stream_server_traffic_status: boolean
  readonly stream_server_traffic_status_zone: string | undefined
  readonly stream_server_traffic_status_display: Display | undefined
  readonly stream_server_traffic_status_display_format: DisplayFormat
  readonly stream_server_traffic_status_display_jsonp: string
}

const places = ['http.server', 'http.location'] as const
const everywhere = ['http', ...places] as const

const display: ValueType<Display | undefined> = {
  describe: '[zone]',
  parse: ([zone]) => ({ zone }),
}

/** What a page that is not ours may be made to call. */
const callback: ValueType<string> = {
  describe: 'name of a function',
  parse: ([name = '']) => {
    if (/^[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)*$/.test(name)) return name
    throw new ConfError(`invalid callback "${name}"`)
  },
}

const sharedName: ValueType<string | undefined> = {
  describe: '[shared:name]',
  parse: ([parameter]) => {
    if (parameter === undefined) return streamDialect.usualZone
    const match = /^shared:([^:]+)(?::.*)?$/.exec(parameter)
    if (match === null) throw new ConfError(`invalid parameter "${parameter}"`)
    return match[1]!
  },
}

const format = oneOf(...displayFormats)

export function createDisplayModules(controlOf: ControlOf): readonly AnyHttpModule[] {
  return [httpDisplay(controlOf), streamDisplay(controlOf)]
}

function httpDisplay(controlOf: ControlOf): HttpModule<HttpDisplayConf> {
  return defineHttpModule<HttpDisplayConf>({
    id: 'control.http_traffic',
    loadNames: ['http_vtsd_module'],
    directives: {
      vhost_traffic_status_display: displayRow('vhost_traffic_status_display', 'HTTP'),
      vhost_traffic_status_display_format: placed(
        'vhost_traffic_status_display_format json | html | jsonp | prometheus',
        format,
        'json',
        'Sets the format of what is shown where the path names none.',
      ),
      vhost_traffic_status_display_jsonp: placed(
        'vhost_traffic_status_display_jsonp callback',
        callback,
        httpDialect.callback,
        'Sets the function that JSONP calls.',
      ),
      vhost_traffic_status_display_sum_key: placed(
        'vhost_traffic_status_display_sum_key name',
        text,
        '*',
        'Sets the name of the sum of all servers.',
      ),
    },
    idle: true,
    hooks: {
      content: (conf, { scope }) => {
        const shown = conf.vhost_traffic_status_display
        if (shown === undefined) return undefined
        const control = controlOf('vhost_traffic_status_display')
        const serve = createDisplay({
          ...control,
          dialect: httpDialect,
          format: conf.vhost_traffic_status_display_format,
          callback: conf.vhost_traffic_status_display_jsonp,
          sumKey: conf.vhost_traffic_status_display_sum_key,
          zone: shown.zone,
        })
        return guarded(serve, scope, control.entrance)
      },
    },
  })
}

function streamDisplay(controlOf: ControlOf): HttpModule<StreamDisplayConf> {
  return defineHttpModule<StreamDisplayConf>({
    id: 'control.stream_traffic',
    loadNames: ['http_stream_server_traffic_status_module', 'stream_stsd_module'],
    directives: {
      stream_server_traffic_status: {
        contexts: everywhere,
        args: [1, 1],
        syntax: 'stream_server_traffic_status on | off',
        value: flag,
        default: true,
        doc: 'Shows traffic of streams where that is asked for.',
      },
      stream_server_traffic_status_zone: {
        contexts: ['http'],
        args: [0, 1],
        syntax: 'stream_server_traffic_status_zone [shared:name]',
        value: sharedName,
        default: undefined,
        doc: 'Names the zone that is shown, as "server_traffic_status_zone" does; the one that there is, without.',
      },
      stream_server_traffic_status_display: displayRow(
        'stream_server_traffic_status_display',
        'streams',
      ),
      stream_server_traffic_status_display_format: placed(
        'stream_server_traffic_status_display_format json | html | jsonp | prometheus',
        format,
        'json',
        'Sets the format of what is shown where the path names none.',
      ),
      stream_server_traffic_status_display_jsonp: placed(
        'stream_server_traffic_status_display_jsonp callback',
        callback,
        streamDialect.callback,
        'Sets the function that JSONP calls.',
      ),
    },
    idle: true,
    hooks: {
      content: (conf, { scope }) => {
        const shown = conf.stream_server_traffic_status_display
        if (shown === undefined || !conf.stream_server_traffic_status) return undefined
        const control = controlOf('stream_server_traffic_status_display')
        const serve = createDisplay({
          ...control,
          dialect: streamDialect,
          format: conf.stream_server_traffic_status_display_format,
          callback: conf.stream_server_traffic_status_display_jsonp,
          sumKey: '*',
          zone: shown.zone ?? conf.stream_server_traffic_status_zone,
        })
        return guarded(serve, scope, control.entrance)
      },
    },
  })
}

function displayRow(name: string, what: string): Row<Display | undefined> {
  return {
    contexts: places,
    args: [0, 1],
    syntax: `${name} [zone]`,
    value: display,
    default: undefined,
    inherited: false,
    doc: `Shows the traffic of ${what}, and takes commands on it.`,
  }
}

function placed<T>(syntax: string, value: ValueType<T>, usually: T, doc: string): Row<T> {
  return { contexts: places, args: [1, 1], syntax, value, default: usually, doc }
}
