/**
 * Brokers under test and the mosquitto clients that talk to them.
 */
import { fileURLToPath } from 'node:url'
import { run, runOk, startProcess, type Finished, type RunningProcess } from '../support/process.ts'
import type { Owner } from '../support/scope.ts'
import type { TempPrefix } from '../support/temp-prefix.ts'

const script = fileURLToPath(new URL('./broker-process.ts', import.meta.url))

export async function startBroker(
  owner: Owner,
  prefix: TempPrefix,
  conf?: string,
): Promise<RunningProcess> {
  const file = conf === undefined ? [] : [prefix.write('conf/mqtt.conf', conf)]
  const broker = await startProcess(owner, [process.execPath, script, prefix.path, ...file])
  await broker.waitForOutput(/ready/)
  return broker
}

export function socketOf(prefix: TempPrefix): string {
  return prefix.file('data/mosquitto.sock')
}

/** Publishes with `mosquitto_pub -V 311`; QoS 1 unless told otherwise. */
export async function publish(
  prefix: TempPrefix,
  topic: string,
  ...options: string[]
): Promise<Finished> {
  const to = ['--unix', socketOf(prefix), '-V', '311', '-q', '1', '-t', topic]
  return run(['mosquitto_pub', ...to, ...options])
}

/** The lines `mosquitto_sub` prints until it has so many; `-v` prints `topic payload`. */
export async function receive(
  prefix: TempPrefix,
  count: number,
  ...options: string[]
): Promise<string[]> {
  const from = ['--unix', socketOf(prefix), '-V', '311', '-q', '1', '-v']
  const { stdout } = await run(['mosquitto_sub', ...from, '-C', String(count), ...options])
  return stdout.trimEnd().split('\n')
}

/** Makes a session that outlives its connection, and leaves. */
export async function openSession(prefix: TempPrefix, id: string, filter: string): Promise<void> {
  const at = ['--unix', socketOf(prefix), '-V', '311', '-q', '1']
  await runOk(['mosquitto_sub', ...at, '-E', '-c', '-i', id, '-t', filter])
}

/** A subscriber that stays; `-d` makes it say when it is subscribed. */
export async function subscribe(
  owner: Owner,
  prefix: TempPrefix,
  ...options: string[]
): Promise<RunningProcess> {
  const from = ['--unix', socketOf(prefix), '-V', '311', '-q', '1', '-v', '-d']
  const subscriber = await startProcess(owner, [
    'stdbuf',
    '-oL',
    'mosquitto_sub',
    ...from,
    ...options,
  ])
  await subscriber.waitForOutput(/Subscribed/)
  return subscriber
}

/** Publishes 0, 1, 2, … retained to one topic, and says which ones are acknowledged. */
export async function startFlood(
  owner: Owner,
  prefix: TempPrefix,
  topic: string,
): Promise<RunningProcess> {
  const to = ['--unix', socketOf(prefix), '-V', '311', '-q', '1', '-r', '-t', topic, '-l', '-d']
  const publisher = await startProcess(owner, ['stdbuf', '-oL', 'mosquitto_pub', ...to])
  const lines = Array.from({ length: 20_000 }, (_, i) => `${i}\n`).join('')
  publisher.write(lines)
  return publisher
}
