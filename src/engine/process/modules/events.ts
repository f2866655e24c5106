/**
 * The `events` block. How connections are waited for is the engine's own affair; what nginx's users write
 * here is taken where it has the meaning they expect.
 */
import { ConfError } from '../../conf/diagnostics.ts'
import { parseNumber } from '../../conf/units.ts'
import { defineModule, type Module, type ValueType } from '../../core/module.ts'
import { flag, milliseconds } from './values.ts'

export interface EventsConf {
  readonly worker_connections: number
  readonly use: string | undefined
  readonly multi_accept: boolean
  readonly accept_mutex: boolean
  readonly accept_mutex_delay: number
}

/** nginx's default. */
export const workerConnectionsDefault = 512

const connections: ValueType<number> = {
  describe: 'number',
  parse: ([text = '']) => {
    const count = parseNumber(text)
    if (count === undefined) throw new ConfError(`invalid number "${text}"`)
    return count
  },
}

const method: ValueType<string> = {
  describe: 'epoll',
  parse: ([name = '']) => {
    if (name !== 'epoll') throw new ConfError(`invalid event type "${name}"`)
    return name
  },
}

export const events: Module<EventsConf> = defineModule<EventsConf>({
  id: 'events',
  blocks: {
    events: {
      contexts: ['main'],
      args: [0, 0],
      syntax: 'events { … }',
      opens: 'events',
      repeated: false,
      doc: 'How connections are processed.',
    },
  },
  directives: {
    worker_connections: {
      contexts: ['events'],
      args: [1, 1],
      syntax: 'worker_connections number',
      value: connections,
      default: workerConnectionsDefault,
      doc: 'Connections that one worker holds, to clients and upstreams together.',
    },
    use: {
      contexts: ['events'],
      args: [1, 1],
      syntax: 'use epoll',
      value: method,
      default: undefined,
      doc: 'How the kernel is asked for events; epoll is the one there is.',
    },
    multi_accept: {
      contexts: ['events'],
      args: [1, 1],
      syntax: 'multi_accept on | off',
      value: flag,
      default: false,
      doc: 'Accepted: a worker takes the connections that wait, up to a bound that keeps it fair.',
    },
    accept_mutex: {
      contexts: ['events'],
      args: [1, 1],
      syntax: 'accept_mutex on | off',
      value: flag,
      default: false,
      doc: 'Accepted: the kernel wakes one worker for each connection, so no lock is needed.',
    },
    accept_mutex_delay: {
      contexts: ['events'],
      args: [1, 1],
      syntax: 'accept_mutex_delay time',
      value: milliseconds,
      default: 500,
      doc: 'Accepted: see accept_mutex.',
    },
  },
})
