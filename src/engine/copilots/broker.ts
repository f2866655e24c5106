/**
 * The broker copilot: the event bus of one installation, an MQTT 3.1.1 broker on a unix socket.
 *
 * It reads `mqtt.conf` once; it is not touched by a reload. What it has acknowledged is on disk: it may be
 * killed at any time and continues with all retained messages and sessions when it is started again.
 */
import type { EventEmitter } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import type { Server } from 'node:net'
import type { AuthenticateError, AedesOptions } from 'aedes'
import { ConfError } from '../conf/diagnostics.ts'
import { LogFiles, type Log } from '../core/log.ts'
import { SyslogSockets } from '../net/syslog-sockets.ts'
import { type Copilot, defineCopilot } from '../process/copilot.ts'
import { StoreError } from '../store/store.ts'
import { parseBrokerConf, type BrokerConf, type ListenerAddress } from './broker/conf.ts'
import { DurableBroker } from './broker/durable-broker.ts'
import { brokerLimits } from './broker/limits.ts'
import { closeAll, listenAll, showAddress } from './broker/listeners.ts'
import { createBrokerLog } from './broker/log.ts'
import { Passwords } from './broker/passwords.ts'
import { SqlitePersistence } from './broker/sqlite-persistence.ts'

export interface BrokerOptions {
  /** Absolute path of `mqtt.conf`; undefined is the same as an empty file. */
  readonly confFile?: string
  readonly prefix: string
  /** For start and end; everything else goes to the log that the file names. */
  readonly log: Log
  /** Ends the broker: connections are closed, and all that is pending is flushed. */
  readonly signal: AbortSignal
  /** Group that may connect through socket files. */
  readonly socketGroup?: number
  /** Called once clients can connect. */
  readonly onReady?: (listeners: readonly ListenerAddress[]) => void
}

export const copilot: Copilot = defineCopilot({
  version: 1,
  ignoreReload: true,
  run: ({ confFile, prefix, log, signal }) =>
    runBroker({ prefix, log, signal, ...(confFile !== undefined && { confFile }) }),
})

/** Runs until the signal aborts; rejects when it cannot start or its storage fails. */
export async function runBroker(options: BrokerOptions): Promise<void> {
  const conf = readConf(options.confFile, options.prefix)
  const files = new LogFiles(new SyslogSockets())
  const ownLog = createBrokerLog(conf, files)
  const persistence = new SqlitePersistence({
    path: conf.database ?? ':memory:',
    streamsRetained: false,
    onDropped: (client, topic) => {
      ownLog.write(
        'warn',
        `bus: the queue of "${client}" is full, a message of "${topic}" is dropped`,
      )
    },
  })
  try {
    await serve(conf, options, { persistence, ownLog })
  } finally {
    await persistence.destroy()
    files.close()
  }
}

async function serve(
  conf: BrokerConf,
  options: BrokerOptions,
  made: { readonly persistence: SqlitePersistence; readonly ownLog: Log },
): Promise<void> {
  const { log, signal, socketGroup, onReady } = options
  const { persistence, ownLog } = made
  const authenticate = authenticator(conf)
  const broker = new DurableBroker({
    persistence,
    log: ownLog,
    ...(authenticate && { authenticate }),
  })
  const failed = Promise.withResolvers<never>()
  ;(broker as EventEmitter).on('error', failed.reject)
  logClients(broker, ownLog)
  await broker.listen()
  let servers: readonly Server[] = []
  try {
    servers = await listenAll(conf.listeners, {
      onConnection: (socket) => void broker.handle(socket),
      onRefused: (reason) => ownLog.write('warn', `bus: a connection is refused: ${reason}`),
      ...(socketGroup !== undefined && { socketGroup }),
    })
    log.write('notice', `broker: listening on ${conf.listeners.map(showAddress).join(', ')}`)
    warnOfStrangers(conf, log)
    onReady?.(conf.listeners)
    await Promise.race([aborted(signal), failed.promise])
  } finally {
    const closing = closeAll(servers)
    await new Promise<void>((resolve) => broker.close(resolve))
    await closing
  }
}

function readConf(file: string | undefined, prefix: string): BrokerConf {
  if (file === undefined) return parseBrokerConf('', 'mqtt.conf', prefix)
  if (statSync(file).size > brokerLimits.configurationBytesMax) {
    throw new ConfError(`"${file}" is larger than ${brokerLimits.configurationBytesMax} bytes`)
  }
  return parseBrokerConf(readFileSync(file, 'utf8'), file, prefix)
}

/** Undefined when everybody may connect. */
function authenticator(conf: BrokerConf): AedesOptions['authenticate'] | undefined {
  if (conf.passwordFile === undefined) return undefined
  const passwords = new Passwords(conf.passwordFile)
  const accepts = async (user: string | undefined, password: Buffer | undefined) =>
    user === undefined ? conf.allowAnonymous : passwords.verify(user, password ?? Buffer.alloc(0))
  return (_client, user, password, done) => {
    accepts(user, password).then(
      (accepted) => done(null, accepted),
      (error: AuthenticateError) => done(error, null),
    )
  }
}

function logClients(broker: DurableBroker, log: Log): void {
  broker.on('clientReady', (client) => log.write('info', `bus: "${client.id}" is connected`))
  broker.on('clientDisconnect', (client) => log.write('info', `bus: "${client.id}" has gone`))
  broker.on('clientError', (client, error) => {
    // What cannot be stored is not acknowledged: its sender comes again, and the operator shall know.
    const level = error instanceof StoreError ? 'error' : 'warn'
    log.write(level, `bus: "${client.id}" is disconnected: ${error.message}`)
  })
  broker.on('connectionError', (_, error) => {
    log.write('warn', `bus: a connection is ended: ${error.message}`)
  })
}

/** The file may say so, but whoever wrote it should know. */
function warnOfStrangers(conf: BrokerConf, log: Log): void {
  const open = conf.listeners.filter(
    (each) => each.kind === 'tcp' && !/^(127\.|::1$|localhost$)/.test(each.host ?? ''),
  )
  if (!conf.allowAnonymous || open.length === 0) return
  log.write('warn', `broker: anybody may connect to ${open.map(showAddress).join(', ')}`)
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
