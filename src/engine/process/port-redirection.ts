/**
 * The rules by which the system redirects ranges of ports: chains of our own, one for each family and
 * protocol, hooked into PREROUTING while they hold rules.
 *
 * ```text
 *   nat     PREROUTING -p tcp ─▶ TRIJET_<id>      -p tcp --dport A:B -j REDIRECT --to-ports D
 *   mangle  PREROUTING -p udp ─▶ TRIJETUDP_<id>   -p udp --dport A:B -j TPROXY --on-port D --tproxy-mark 1
 * ```
 *
 * The id is made of the prefix, so that engines do not touch each other's chains, and an engine finds what
 * it left behind when it was killed: `data/port-ranges.json` says that there may be something.
 */
import { execFile } from 'node:child_process'
import { hash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { PortRange } from '../control/port-range.ts'
import { processLimits } from './limits.ts'

const run = promisify(execFile)

const programDefault = '/usr/sbin/iptables'
/** Another program may be changing rules at the moment. */
const lockWaitSeconds = 5

type Family = PortRange['family']
type Protocol = PortRange['type']

interface Chain {
  readonly family: Family
  readonly type: Protocol
  readonly table: string
  readonly name: string
}

export class PortRedirection {
  readonly #note: string
  readonly #chains: readonly Chain[]
  #program = programDefault

  constructor(prefix: string) {
    this.#note = join(prefix, 'data/port-ranges.json')
    const id = hash('sha256', prefix, 'hex').slice(0, 8)
    this.#chains = (['ipv4', 'ipv6'] as const).flatMap((family) => [
      { family, type: 'tcp', table: 'nat', name: `TRIJET_${id}` },
      { family, type: 'udp', table: 'mangle', name: `TRIJETUDP_${id}` },
    ])
  }

  /** True where rules of an engine of this prefix may stand. */
  get maybeLeft(): boolean {
    return existsSync(this.#note)
  }

  /** The program for IPv4; that for IPv6 stands beside it. */
  use(program: string | undefined): void {
    this.#program = program ?? programDefault
  }

  /** The program that made what may be left. */
  get notedProgram(): string | undefined {
    try {
      const { program } = JSON.parse(readFileSync(this.#note, 'utf8')) as { program?: unknown }
      return typeof program === 'string' ? program : undefined
    } catch {
      return undefined
    }
  }

  /** Throws when the program does not work here. */
  async probe(ranges: readonly PortRange[]): Promise<void> {
    for (const chain of this.#chains) {
      if (ranges.some((range) => isOf(chain, range))) await this.#call(chain, ['-S', 'PREROUTING'])
    }
  }

  /** Adds rules; throws with the program's words, and then none of them stands. */
  async add(ranges: readonly PortRange[]): Promise<void> {
    const added: PortRange[] = []
    if (ranges.length > 0) this.#take()
    try {
      for (const range of ranges) {
        const chain = this.#chainOf(range)
        await this.#open(chain)
        const rule = ruleOf(range)
        if (await this.#has(chain, rule)) continue
        await this.#call(chain, ['-A', chain.name, ...rule])
        added.push(range)
      }
    } catch (error) {
      await this.remove(added)
      throw error
    }
  }

  /** Removes rules; those that are gone already do not matter. */
  async remove(ranges: readonly PortRange[]): Promise<void> {
    for (const range of ranges) {
      const chain = this.#chainOf(range)
      await this.#try(chain, ['-D', chain.name, ...ruleOf(range)])
    }
  }

  /** Leaves exactly these rules, whatever stood there before. */
  async settle(ranges: readonly PortRange[]): Promise<void> {
    await this.add(ranges)
    for (const chain of this.#chains) await this.#prune(chain, ranges)
    if (ranges.length === 0) rmSync(this.#note, { force: true })
  }

  /** Rules that nobody wants go; a chain without rules goes too. */
  async #prune(chain: Chain, ranges: readonly PortRange[]): Promise<void> {
    const wanted = new Set(ranges.filter((range) => isOf(chain, range)).map(signatureOf))
    const kept = new Set<string>()
    for (const line of await this.#rules(chain)) {
      const signature = signatureOfLine(line)
      if (wanted.has(signature) && !kept.has(signature)) kept.add(signature)
      else await this.#try(chain, ['-D', ...line.split(' ').slice(1)])
    }
    if (wanted.size > 0) return
    await this.#try(chain, ['-D', ...hook(chain)])
    await this.#try(chain, ['-F', chain.name])
    await this.#try(chain, ['-X', chain.name])
  }

  async #open(chain: Chain): Promise<void> {
    await this.#try(chain, ['-N', chain.name])
    if (!(await this.#try(chain, ['-C', ...hook(chain)]))) {
      await this.#call(chain, ['-A', ...hook(chain)])
    }
  }

  async #rules(chain: Chain): Promise<readonly string[]> {
    try {
      const text = await this.#call(chain, ['-S', chain.name])
      return text.split('\n').filter((line) => line.startsWith('-A '))
    } catch {
      return []
    }
  }

  #has(chain: Chain, rule: readonly string[]): Promise<boolean> {
    return this.#try(chain, ['-C', chain.name, ...rule])
  }

  async #try(chain: Chain, args: readonly string[]): Promise<boolean> {
    try {
      await this.#call(chain, args)
      return true
    } catch {
      return false
    }
  }

  async #call({ family, table }: Chain, args: readonly string[]): Promise<string> {
    const program = family === 'ipv4' ? this.#program : join(dirname(this.#program), 'ip6tables')
    const words = ['-w', `${lockWaitSeconds}`, '-t', table, ...args]
    try {
      const { stdout } = await run(program, words, { timeout: processLimits.iptablesTimeoutMs })
      return stdout
    } catch (error) {
      const { stderr, message } = error as Error & { readonly stderr?: string }
      const said = (stderr ?? '').trim().split('\n').at(-1) ?? ''
      throw new Error(`${program}: ${said === '' ? message : said}`, { cause: error })
    }
  }

  #chainOf(range: PortRange): Chain {
    return this.#chains.find((chain) => isOf(chain, range))!
  }

  #take(): void {
    mkdirSync(dirname(this.#note), { recursive: true })
    writeFileSync(this.#note, `${JSON.stringify({ program: this.#program })}\n`)
  }
}

function isOf({ family, type }: Chain, range: PortRange): boolean {
  return range.family === family && range.type === type
}

function hook({ type, name }: Chain): readonly string[] {
  return ['PREROUTING', '-p', type, '-j', name]
}

function ruleOf({ type, src_ports: ports, dst_port: port }: PortRange): readonly string[] {
  const action =
    type === 'tcp'
      ? ['REDIRECT', '--to-ports', `${port}`]
      : ['TPROXY', '--on-port', `${port}`, '--tproxy-mark', '0x1/0x1']
  return ['-p', type, '--dport', ports, '-j', ...action]
}

function signatureOf({ src_ports: ports, dst_port: port }: PortRange): string {
  return `${ports} ${port}`
}

/** From a line as the program prints it. */
function signatureOfLine(line: string): string {
  const ports = /--dport (\S+)/.exec(line)?.[1]
  const port = /--(?:to-ports|on-port) (\d+)/.exec(line)?.[1]
  return `${ports} ${port}`
}
