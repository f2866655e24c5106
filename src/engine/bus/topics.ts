/**
 * The topics of the event bus: OpenNJet's names, and its rule by which a message finds its handler.
 *
 * ```text
 *   /dyn/KEY                     whole configuration of a declarative key           retained
 *   /dyn/kv_http_NAME            one value of the key/value store                   retained
 *   /ins/KIND/ID                 one instruction, such as a server that was added   retained
 *   /worker_a/rpc/KEY            question to the agent: give the configuration of KEY
 *   /worker_a/dyn/KEY            order to the agent: take this configuration
 *   /worker_a/ins/KIND/ID        order to the agent: carry out this instruction
 *   /worker_N/…                  the same to worker N
 *   /cluster/NAME/kv_set/KEY     a value for all nodes of a cluster                 retained
 * ```
 */
import { crc32 } from 'node:zlib'

export const kvPrefix = 'kv_http_'

/** What an instruction is about, and the letter of its ids where it has one. */
export const instructionKinds = {
  loc: 'l',
  srv: 's',
  stream_srv: 's',
  ups: undefined,
  stream_ups: undefined,
  ups_peer: undefined,
  stream_ups_peer: undefined,
  ssl: 'l',
  stream_ssl: 'l',
  crl: 'l',
  range: 'l',
} as const

export type InstructionKind = keyof typeof instructionKinds

/** The kinds whose ids are checksums; groups and members go by the name of their group. */
export type ChecksumKind = {
  [Kind in InstructionKind]: (typeof instructionKinds)[Kind] extends string ? Kind : never
}[InstructionKind]

/** `agent` is the one that applies a change first and answers for all. */
export type WorkerId = number | 'agent'

export function dynTopic(key: string): string {
  return `/dyn/${key}`
}

export function kvTopic(name: string): string {
  return dynTopic(kvPrefix + name)
}

export function insTopic(kind: InstructionKind, id: string): string {
  return `/ins/${kind}/${id}`
}

/** `/worker_a` or `/worker_3` before any other topic. */
export function toWorker(worker: WorkerId, topic: string): string {
  return `/worker_${worker === 'agent' ? 'a' : worker}${topic}`
}

/** The topic without its worker: where the agent publishes what it has applied. */
export function withoutWorker(topic: string): string {
  return topic.replace(/^\/worker_[^/]+(?=\/)/, '')
}

export function rpcTopic(key: string): string {
  return `/rpc/${key}`
}

export function clusterKvTopic(cluster: string, key: string): string {
  return `/cluster/${cluster}/kv_set/${key}`
}

/** Where a client expects its replies; the spelling is OpenNJet's. */
export function replyTopic(clientId: string): string {
  return `${clientId}_rcp_resp`
}

/**
 * The id of an instruction: the decimal CRC-32 over its naming texts, one after the other, such as `addr_port`
 * and `server_name` of a stream server. The same texts give the same topic, so that a deletion meets what
 * was added.
 */
export function instructionId(kind: ChecksumKind, ...texts: readonly string[]): string {
  const sum = texts.reduce((crc, text) => crc32(text, crc), 0)
  return `${instructionKinds[kind]}_${sum}`
}

/** The key by which a message finds its handler: the second level, the third where a worker is named. */
export function dispatchKey(topic: string): string | undefined {
  const levels = topic.split('/')
  return levels[topic.startsWith('/worker_') ? 3 : 2]
}

/** Whether a message asks for a configuration (`get`) or brings one (`put`). */
export function dispatchMethod(topic: string): 'get' | 'put' {
  return topic.includes('/rpc/') ? 'get' : 'put'
}

const instructions = [
  '/ins/ups/#',
  '/ins/stream_ups/#',
  '/ins/stream_srv/#',
  '/ins/ups_peer/#',
  '/ins/stream_ups_peer/#',
  '/ins/srv/#',
  '/ins/loc/#',
  '/ins/ssl/#',
  '/ins/stream_ssl/#',
  '/ins/crl/#',
  '/dyn/#',
] as const

/**
 * What worker n subscribes to. The order matters, for what is retained is replayed in it: groups before
 * members before servers before locations, and instructions before whole configurations.
 */
export function workerSubscriptions(worker: number): readonly string[] {
  return ['/cluster/+/kv_set/#', ...instructions, '$share/njet//rpc/#', `${toWorker(worker, '')}/#`]
}

export function agentSubscriptions(): readonly string[] {
  return [...instructions, `${toWorker('agent', '')}/#`]
}
