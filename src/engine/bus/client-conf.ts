/**
 * `iot-work.conf`, `iot-ctrl.conf`, `ctrl_kv.conf`: how a process of this engine joins the bus. Every key may
 * be left out, and the file be empty.
 */
import { isAbsolute, join } from 'node:path'
import { ConfError } from '../conf/diagnostics.ts'
import { parseBrokerAddress, type BrokerAddress } from './address.ts'
import type { QoS, Will } from './connection.ts'
import {
  booleanKey,
  integerKey,
  listKey,
  notEmpty,
  parseLines,
  textKey,
  type LineKeys,
} from './line-conf.ts'
import { filterFault, topicFault } from './topic-filter.ts'

export interface ClientConf {
  readonly address: BrokerAddress
  /** Filters to subscribe to beside the defaults of the process, in order. */
  readonly topics: readonly string[]
  readonly keepaliveSeconds: number
  readonly will: Will | undefined
  readonly logTypes: readonly string[]
  readonly logFile: string | undefined
  readonly kvStoreFolder: string
}

/** What `${PID}`, `${CLUSTER_NAME}` and `${NODE_NAME}` stand for. */
export interface ConfNames {
  readonly pid: number
  readonly cluster: string
  readonly node: string
}

interface Keys {
  broker_addr: string | undefined
  topic: readonly string[]
  keepalive: number
  log_type: readonly string[]
  log_file: string | undefined
  kv_store_dir: string | undefined
  /** Accepted, and always 3.1.1: nothing on this bus needs more, and every broker speaks it. */
  protocol_version: string
  will_topic: string | undefined
  will_payload: string | undefined
  will_retain: boolean
  will_qos: number
}

const keys = {
  broker_addr: textKey(undefined),
  topic: listKey(),
  keepalive: integerKey(30, { min: 5, max: 65_535 }),
  log_type: listKey(),
  log_file: textKey(undefined),
  kv_store_dir: textKey(undefined),
  protocol_version: { default: '5', parse: checkProtocol },
  will_topic: textKey(undefined),
  will_payload: textKey(undefined),
  will_retain: booleanKey(false),
  will_qos: integerKey(0, { min: 0, max: 2 }),
} satisfies LineKeys<Keys>

export interface ClientConfPlace {
  /** For messages. */
  readonly file: string
  /** Relative paths are taken from here. */
  readonly prefix: string
  readonly names: ConfNames
}

export function parseClientConf(text: string, place: ClientConfPlace): ClientConf {
  const { file, prefix, names } = place
  const conf: Keys = parseLines<Keys>(expand(text, names), file, keys)
  const under = (path: string): string => (isAbsolute(path) ? path : join(prefix, path))
  return {
    address: inFile(file, () => toAddress(conf.broker_addr ?? 'data/mosquitto.sock', under)),
    topics: conf.topic.map((filter) => inFile(file, () => checked(filter, filterFault))),
    keepaliveSeconds: conf.keepalive,
    will: inFile(file, () => toWill(conf)),
    logTypes: conf.log_type,
    logFile: conf.log_file && under(conf.log_file),
    kvStoreFolder: under(conf.kv_store_dir ?? 'data'),
  }
}

/** Unknown names are left as they are: a topic may hold anything. */
function expand(text: string, names: ConfNames): string {
  return text
    .replaceAll('${PID}', String(names.pid))
    .replaceAll('${CLUSTER_NAME}', names.cluster)
    .replaceAll('${NODE_NAME}', names.node)
}

/** A path without a slash at its start is one all the same, unless it ends in a port. */
function toAddress(text: string, under: (path: string) => string): BrokerAddress {
  return /[:\s]\d+$/.test(text) ? parseBrokerAddress(text) : { path: under(text) }
}

function toWill(conf: Keys): Will | undefined {
  if (conf.will_topic === undefined) return undefined
  return {
    topic: checked(conf.will_topic, topicFault),
    payload: conf.will_payload ?? '',
    retain: conf.will_retain,
    qos: conf.will_qos as QoS,
  }
}

function checkProtocol(text: string): string {
  const known = ['3', '4', '5', '31', '311', 'mqttv31', 'mqttv311', 'mqttv5']
  if (known.includes(notEmpty(text).toLowerCase())) return text
  throw new ConfError(`invalid value "${text}", it must be one of ${known.join(', ')}`)
}

function checked(name: string, faultOf: (name: string) => string | undefined): string {
  const fault = faultOf(name)
  if (fault !== undefined) throw new ConfError(`invalid topic "${name}": ${fault}`)
  return name
}

function inFile<T>(file: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof ConfError) throw new ConfError(`${error.message} in ${file}`)
    throw error
  }
}
