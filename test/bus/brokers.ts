/**
 * The brokers that a bus client must get along with, each on every carrier it offers.
 */
import { connect } from 'node:net'
import { once } from 'node:events'
import type { BrokerAddress } from '../../src/engine/bus/address.ts'
import { freePort } from '../support/ports.ts'
import { startProcess, type RunningProcess } from '../support/process.ts'
import type { Owner } from '../support/scope.ts'
import { makeTempPrefix, type TempPrefix } from '../support/temp-prefix.ts'
import { until } from '../support/wait.ts'
import { startBroker } from './broker-support.ts'

export interface BrokerUnderTest {
  readonly address: BrokerAddress
  /** Starts it (again); resolves when it takes connections. */
  start(): Promise<void>
  /** Ends it as hard as its promises allow: mosquitto saves what is retained a little after it acknowledges. */
  end(): Promise<void>
}

export type MakeBroker = (owner: Owner) => Promise<BrokerUnderTest>

export const brokerKinds: Readonly<Record<string, MakeBroker>> = {
  'this broker, unix socket': ownBroker,
  'mosquitto, unix socket': (owner) => mosquitto(owner, 'unix'),
  'mosquitto, TCP': (owner) => mosquitto(owner, 'tcp'),
}

export async function ownBroker(owner: Owner): Promise<BrokerUnderTest> {
  const prefix = makeTempPrefix(owner)
  const address = { path: prefix.file('data/mosquitto.sock') }
  return restartable(address, 'SIGKILL', () => startBroker(owner, prefix))
}

async function mosquitto(owner: Owner, carrier: 'unix' | 'tcp'): Promise<BrokerUnderTest> {
  const prefix = makeTempPrefix(owner)
  const path = prefix.file('data/mosquitto.sock')
  const address = carrier === 'unix' ? { path } : { host: '127.0.0.1', port: await freePort() }
  const listener = 'path' in address ? `0 ${path}` : `${address.port} ${address.host}`
  const conf = mosquittoConf(prefix, listener)
  return restartable(address, 'SIGTERM', () => startProcess(owner, ['mosquitto', '-c', conf]))
}

function mosquittoConf(prefix: TempPrefix, listener: string): string {
  return prefix.write(
    'conf/mosquitto.conf',
    [
      `listener ${listener}`,
      'user root',
      'allow_anonymous true',
      'persistence true',
      `persistence_location ${prefix.file('data')}/`,
      'autosave_on_changes true',
      'autosave_interval 1',
      'max_queued_messages 0',
      '',
    ].join('\n'),
  )
}

function restartable(
  address: BrokerAddress,
  signal: NodeJS.Signals,
  startOne: () => Promise<RunningProcess>,
): BrokerUnderTest {
  let running: RunningProcess | undefined
  return {
    address,
    async start() {
      running = await startOne()
      await until(() => answers(address), { what: 'a broker that answers' })
    },
    async end() {
      await running?.stop(signal)
    },
  }
}

async function answers(address: BrokerAddress): Promise<boolean> {
  const socket = connect(address)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
