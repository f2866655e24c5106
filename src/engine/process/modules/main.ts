/**
 * Directives of the main context: processes, files, user.
 *
 * What has no meaning for this engine is not declared, so that nobody believes it works.
 */
import { availableParallelism } from 'node:os'
import { ConfError } from '../../conf/diagnostics.ts'
import { parseNumber } from '../../conf/units.ts'
import { type Level, levels, type LogRule, type LogTarget } from '../../core/log.ts'
import { defineModule, type Module, type ValueEnv, type ValueType } from '../../core/module.ts'
import { parseSyslog } from '../../core/syslog.ts'
import { parseRangeLine, type RangeLine } from '../../control/port-range.ts'
import { workersMax } from '../../control/limits.ts'
import { findGroup, findUser, type User } from '../user.ts'
import { concat, flag, listOf, milliseconds, number, prefixPath, text } from './values.ts'

export interface MainConf {
  readonly daemon: boolean
  readonly master_process: boolean
  readonly worker_processes: number
  readonly pid: string
  readonly lock_file: string | undefined
  readonly error_log: readonly LogRule[]
  readonly user: User | undefined
  readonly env: readonly Variable[]
  readonly working_directory: string | undefined
  readonly worker_priority: number
  readonly worker_rlimit_nofile: number | undefined
  readonly worker_shutdown_timeout: number | undefined
  readonly load_module: readonly string[]
  readonly cluster_name: string
  readonly node_name: string
  readonly privileged_agent: boolean
  readonly helper: readonly HelperLine[]
  readonly range: readonly RangeLine[]
  /** Names of zones that take more memory when they are full. */
  readonly zone_autoscale: readonly string[]
}

/** `env NAME` keeps a variable, `env NAME=value` sets it. */
export interface Variable {
  readonly name: string
  readonly value: string | undefined
}

/** One `helper` line. */
export interface HelperLine {
  readonly tag: string
  readonly module: string
  /** As written; absent when the line names none. */
  readonly conf: string | undefined
}

const workerCount: ValueType<number> = {
  describe: 'number | auto',
  parse: ([value = ''], { node }) => {
    if (value === 'auto') return Math.min(availableParallelism(), workersMax)
    const count = parseNumber(value)
    if (count === undefined) throw new ConfError(`"${node.name}" directive invalid value`)
    if (count < 1 || count > workersMax) {
      throw new ConfError(`the number of workers is 1 to ${workersMax}, not ${count}`)
    }
    return count
  },
}

const errorLog: ValueType<readonly LogRule[]> = {
  describe: 'file | stderr | syslog:server=address[,parameter=value] [level]',
  parse: ([path = '', ...names], env) => {
    if (path.startsWith('memory:')) {
      throw new ConfError('"memory" is not supported as target of an error log')
    }
    return [{ target: targetOf(path, env), level: levelOf(names) }]
  },
}

function targetOf(path: string, env: ValueEnv): LogTarget {
  if (path === 'stderr') return { kind: 'stderr' }
  if (path.startsWith('syslog:')) return { kind: 'syslog', server: parseSyslog(path) }
  return { kind: 'file', path: env.prefixPath(path) }
}

function levelOf(names: readonly string[]): Level {
  let found: Level | undefined
  for (const name of names) {
    const level = levels.find((known) => known === name)
    if (level === undefined) throw new ConfError(`invalid log level "${name}"`)
    if (found !== undefined) throw new ConfError(`duplicate log level "${name}"`)
    found = level
  }
  return found ?? 'error'
}

const user: ValueType<User> = {
  describe: 'user [group]',
  parse: ([name = '', group]) => {
    const found = findUser(name)
    if (found === undefined) throw new ConfError(`getpwnam("${name}") failed`)
    // As nginx: without a group, the one of the user's name.
    const gid = findGroup(group ?? name)
    if (gid === undefined) throw new ConfError(`getgrnam("${group ?? name}") failed`)
    return { ...found, gid }
  },
}

const variable: ValueType<readonly Variable[]> = {
  describe: 'variable[=value]',
  parse: ([assignment = '']) => {
    const at = assignment.indexOf('=')
    const name = at < 0 ? assignment : assignment.slice(0, at)
    return [{ name, value: at < 0 ? undefined : assignment.slice(at + 1) }]
  },
}

const priority: ValueType<number> = {
  describe: 'number',
  parse: ([value = ''], { node }) => {
    if (!/^[-+]?\d{1,3}$/.test(value))
      throw new ConfError(`"${node.name}" directive invalid number`)
    return Number(value)
  },
}

const names: ValueType<readonly string[]> = {
  describe: 'name ...',
  parse: (args) => args,
}

const rangeLine: ValueType<readonly RangeLine[]> = {
  describe: 'type=tcp|udp src_ports=port[:port] dst_port=port',
  parse: (args) => [parseRangeLine(args)],
}

const helperLine: ValueType<readonly HelperLine[]> = {
  describe: 'tag module [conf]',
  parse: ([tag = '', module = '', conf]) => [{ tag, module, conf }],
}

export const main: Module<MainConf> = defineModule<MainConf>({
  id: 'main',
  directives: {
    daemon: {
      contexts: ['main'],
      args: [1, 1],
      syntax: 'daemon on | off',
      value: flag,
      default: true,
      doc: 'Whether the engine goes to the background.',
    },
    master_process: {
      contexts: ['main'],
      args: [1, 1],
      syntax: 'master_process on | off',
      value: flag,
      default: true,
      doc: 'Off: one process serves, without workers and copilots; for development.',
    },
    worker_processes: {
      contexts: ['main'],
      args: [1, 1],
      syntax: 'worker_processes number | auto',
      value: workerCount,
      default: 1,
      doc: 'Number of workers; auto is the number of processors. A reload grows or shrinks it.',
    },
    pid: {
      contexts: ['main'],
      args: [1, 1],
      syntax: 'pid file',
      value: prefixPath,
      default: '',
      doc: "File that holds the master's process id.",
    },
    lock_file: {
      contexts: ['main'],
      args: [1, 1],
      syntax: 'lock_file file',
      value: text,
      default: undefined,
      doc: 'Accepted for configurations written for nginx; nothing here needs a lock file.',
    },
    error_log: {
      contexts: ['main', 'http', 'http.server', 'http.location', 'stream', 'stream.server'],
      args: [1, Infinity],
      syntax: 'error_log file | stderr | syslog:server=address[,parameter=value] [level]',
      value: errorLog,
      default: [],
      merge: concat,
      doc: 'Where errors are written, from which level on. May stand more than once.',
    },
    user: {
      contexts: ['main'],
      args: [1, 2],
      syntax: 'user user [group]',
      value: user,
      default: undefined,
      doc: 'User and group of the workers; needs a master that runs as root.',
    },
    env: {
      contexts: ['main'],
      args: [1, 1],
      syntax: 'env variable[=value]',
      secret: 'assignment',
      value: variable,
      default: [],
      merge: concat,
      doc: 'Environment variables that workers keep or get; all others are taken away.',
    },
    working_directory: {
      contexts: ['main'],
      args: [1, 1],
      syntax: 'working_directory directory',
      value: text,
      default: undefined,
      doc: "The workers' current directory.",
    },
    worker_priority: {
      contexts: ['main'],
      args: [1, 1],
      syntax: 'worker_priority number',
      value: priority,
      default: 0,
      doc: 'Scheduling priority of workers, from -20 to 20; negative is more.',
    },
    worker_rlimit_nofile: {
      contexts: ['main'],
      args: [1, 1],
      syntax: 'worker_rlimit_nofile number',
      value: number,
      default: undefined,
      doc: 'Limit of open files of a worker.',
    },
    worker_shutdown_timeout: {
      contexts: ['main'],
      args: [1, 1],
      syntax: 'worker_shutdown_timeout time',
      value: milliseconds,
      default: undefined,
      doc: 'How long a graceful stop waits for connections before it closes them.',
    },
    load_module: {
      contexts: ['main'],
      args: [1, 1],
      syntax: 'load_module file',
      value: listOf(text),
      default: [],
      merge: concat,
      doc: 'Loads a module: a built-in by name, a .ts or .js file, or an npm package.',
    },
    cluster_name: {
      contexts: ['main'],
      args: [1, 1],
      syntax: 'cluster_name name',
      value: text,
      default: 'def_c',
      doc: 'Name of the cluster in topics of the event bus.',
    },
    node_name: {
      contexts: ['main'],
      args: [1, 1],
      syntax: 'node_name name',
      value: text,
      default: 'def_n',
      doc: 'Name of this node in topics of the event bus.',
    },
    privileged_agent: {
      contexts: ['main'],
      args: [1, 1],
      syntax: 'privileged_agent on | off',
      value: flag,
      default: true,
      doc: 'Accepted for configurations written for OpenNJet, whose agent applies changes first; here the master sees to that.',
    },
    helper: {
      contexts: ['main'],
      args: [2, 3],
      syntax: 'helper tag module [conf]',
      value: helperLine,
      default: [],
      merge: concat,
      doc: 'Starts a copilot: a built-in by name, a .ts or .js file, an npm package, or an executable.',
    },
    range: {
      contexts: ['main'],
      args: [1, 4],
      syntax:
        'range type=tcp|udp src_ports=port[:port] dst_port=port [family=ipv4|ipv6] | iptables_path=file',
      value: rangeLine,
      default: [],
      merge: concat,
      doc: 'Has the system redirect a range of ports to one port while the engine runs; needs a master that runs as root.',
    },
    zone_autoscale: {
      contexts: ['main'],
      args: [1, Infinity],
      syntax: 'zone_autoscale name ...',
      value: names,
      default: [],
      merge: concat,
      doc: 'Zones of shared memory that take more when they are full, up to 16 times their size, and keep it. May stand more than once.',
    },
  },
})
