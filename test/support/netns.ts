/**
 * Two hosts on one machine: network namespaces joined by a veth pair, for what needs a real network
 * (DNAT, TPROXY, source addresses). Needs root.
 *
 * ```text
 *   ┌ client ───────────┐   veth   ┌ server ───────────┐
 *   │ 10.99.0.1  fd99::1├──────────┤10.99.0.2  fd99::2 │   addresses are the same in every test:
 *   └───────────────────┘          └───────────────────┘   namespaces do not see each other
 * ```
 */
import { run, runOk, startProcess, type Finished, type RunningProcess } from './process.ts'
import { onEnd, type Owner } from './scope.ts'
import { until } from './wait.ts'

type Command = readonly [file: string, ...args: string[]]

export class Netns {
  readonly name: string
  readonly address: string
  readonly address6: string

  constructor(name: string, address: string, address6: string) {
    this.name = name
    this.address = address
    this.address6 = address6
  }

  /** What to put before a command so that it runs in here; takes no further process. */
  get under(): readonly [string, ...string[]] {
    return ['ip', 'netns', 'exec', this.name]
  }

  /** Runs a command that must succeed; returns its standard output. */
  exec(...command: Command): Promise<string> {
    return runOk([...this.under, ...command])
  }

  /** Runs a command whatever its outcome. */
  run(command: Command, options: Parameters<typeof run>[1] = {}): Promise<Finished> {
    return run([...this.under, ...command], options)
  }

  start(owner: Owner, command: Command): Promise<RunningProcess> {
    return startProcess(owner, [...this.under, ...command])
  }

  /** `netns.iptables('-t nat -A OUTPUT …')`, words separated by spaces. */
  iptables(rule: string): Promise<string> {
    return this.exec('iptables', '-w', ...rule.trim().split(/\s+/))
  }

  ip6tables(rule: string): Promise<string> {
    return this.exec('ip6tables', '-w', ...rule.trim().split(/\s+/))
  }

  /** What marked packets need to be delivered here (TPROXY). */
  async routeMarkedToLocal(mark = 1, table = 100): Promise<void> {
    for (const [family, all] of [
      ['-4', '0.0.0.0/0'],
      ['-6', '::/0'],
    ] as const) {
      await this.exec('ip', family, 'rule', 'add', 'fwmark', `${mark}`, 'lookup', `${table}`)
      await this.exec('ip', family, 'route', 'add', 'local', all, 'dev', 'lo', 'table', `${table}`)
    }
  }
}

let made = 0

/** Makes two namespaces that reach each other; both are gone when the owner ends. */
export async function makeNetnsPair(owner: Owner): Promise<{ client: Netns; server: Netns }> {
  if (process.getuid?.() !== 0)
    throw new Error('network namespaces need root: run this test as root')
  const id = `tj${process.pid.toString(36)}x${(made++).toString(36)}`
  const client = await makeNetns(owner, `${id}c`, '10.99.0.1', 'fd99::1')
  const server = await makeNetns(owner, `${id}s`, '10.99.0.2', 'fd99::2')
  const ends = ['veth0', 'netns', client.name, 'type', 'veth', 'peer', 'name', 'veth0']
  await runOk(['ip', 'link', 'add', ...ends, 'netns', server.name])
  for (const { name, address, address6 } of [client, server]) {
    await runOk(['ip', '-n', name, 'addr', 'add', `${address}/24`, 'dev', 'veth0'])
    await runOk(['ip', '-n', name, 'addr', 'add', `${address6}/64`, 'dev', 'veth0', 'nodad'])
    await runOk(['ip', '-n', name, 'link', 'set', 'veth0', 'up'])
  }
  const carrier = async (): Promise<boolean> =>
    (await runOk(['ip', '-n', client.name, 'link', 'show', 'veth0'])).includes('state UP')
  await until(carrier, { what: 'the link between the namespaces' })
  return { client, server }
}

async function makeNetns(
  owner: Owner,
  name: string,
  address: string,
  address6: string,
): Promise<Netns> {
  await runOk(['ip', 'netns', 'add', name])
  onEnd(owner, async () => void (await run(['ip', 'netns', 'delete', name])))
  await runOk(['ip', '-n', name, 'link', 'set', 'lo', 'up'])
  return new Netns(name, address, address6)
}
