/**
 * The copilots: one process for each `helper` line. A reload starts what is new, ends what is gone, and
 * restarts what changed; OpenNJet restarts every copilot that does not ignore reloads.
 */
import { readFileSync } from 'node:fs'
import type { ProcessNote } from '../control/plane.ts'
import { Child, type ChildCommand } from './child.ts'
import { copilotFlags, entryPath } from './entry.ts'
import { identityOf, type Program, titleOf } from './helper-line.ts'
import { processLimits } from './limits.ts'
import type { ToChild } from './messages.ts'
import type { HelperLine } from './modules/main.ts'
import { Peer, type PeerServices } from './peer.ts'
import type { Settings } from './settings.ts'
import { copilotEnvironment } from './worker-environment.ts'

/** A line that was found good, with what was found out about it. */
export interface Helper {
  readonly line: HelperLine
  readonly program: Program
  readonly confFile: string | undefined
  readonly ignoreReload: boolean
}

/** What the host process is told on its command line, as JSON. */
export interface HostOptions {
  readonly tag: string
  readonly title: string
  readonly program: Program
  readonly confFile: string | undefined
  readonly prefix: string
  readonly clusterName: string
  readonly nodeName: string
  readonly logRules: Settings['logRules']
  readonly sharedMemory: string
  /** The user of the workers. */
  readonly user: Settings['user']
}

export interface CopilotPoolOptions {
  readonly services: PeerServices
  readonly prefix: string
  readonly sharedMemory: string
  readonly settings: () => Settings
}

interface Place {
  readonly helper: Helper
  readonly child: Child
  /** Text of its configuration file when it was started. */
  conf: string | undefined
}

export class CopilotPool {
  readonly #options: CopilotPoolOptions
  readonly #places = new Map<string, Place>()
  readonly #leaving = new Set<Child>()
  readonly #peers = new Map<Child, Peer>()
  /** What runs is changed step by step: of two copilots for one thing the first has ended before. */
  #last: Promise<unknown> = Promise.resolve()
  #held = false

  constructor(options: CopilotPoolOptions) {
    this.#options = options
  }

  /** Lines of running copilots that live through reloads. */
  get kept(): readonly HelperLine[] {
    return [...this.#places.values()]
      .filter(({ helper }) => helper.ignoreReload)
      .map(({ helper }) => helper.line)
  }

  /** True while a copilot of that family runs, or is about to. */
  has(family: string): boolean {
    return [...this.#places.values()].some(({ helper }) => familyOf(helper) === family)
  }

  /** Brings the running copilots in line with a configuration. */
  apply(helpers: readonly Helper[]): Promise<void> {
    return this.#inTurn(() => this.#apply(helpers))
  }

  async #apply(helpers: readonly Helper[]): Promise<void> {
    const wanted = new Map(helpers.map((helper) => [identityOf(helper.line), helper]))
    const ending = [...this.#places].filter(([key, place]) => isOver(place, wanted.get(key)))
    await Promise.all(ending.map(([key]) => this.#end(key)))
    for (const [key, helper] of wanted) {
      if (!this.#places.has(key) && !this.#held) this.#start(key, helper)
    }
  }

  /** The engine is about to stop: nobody is started any more, nor started again who ends by himself. */
  hold(): void {
    this.#held = true
    for (const { child } of this.#places.values()) child.hold()
  }

  stop(): Promise<void> {
    return this.#inTurn(async () => {
      await Promise.all([...this.#places.keys()].map((key) => this.#end(key)))
      await Promise.all([...this.#leaving].map((child) => child.ended))
    })
  }

  send(message: ToChild): void {
    for (const { child } of this.#places.values()) child.send(message)
  }

  notes(): readonly ProcessNote[] {
    const note = (child: Child, leaving: boolean): ProcessNote => ({
      title: child.title,
      pid: child.pid ?? 0,
      state: leaving ? 'stopping' : child.state === 'running' ? 'serving' : 'starting',
      restarts: child.restarts,
    })
    return [
      ...[...this.#places.values()].map(({ child }) => note(child, false)),
      ...[...this.#leaving].map((child) => note(child, true)),
    ]
  }

  #inTurn(step: () => Promise<void>): Promise<void> {
    const result = this.#last.then(step)
    this.#last = result.catch(() => undefined)
    return result
  }

  async #end(key: string): Promise<void> {
    const { child } = this.#places.get(key)!
    this.#places.delete(key)
    this.#leaving.add(child)
    await child.stop('SIGTERM')
    this.#leaving.delete(child)
  }

  #start(key: string, helper: Helper): void {
    const { log } = this.#options.services
    const child = new Child({
      title: titleOf(helper.line),
      log,
      killAfterMs: processLimits.copilotKillAfterMs,
      command: (place) => this.#command(place, helper),
      onStart: (place) => this.#peers.get(place)?.onStarted(),
      onMessage: (place, message) => this.#peers.get(place)?.onMessage(message),
      onExit: (place) => this.#onExit(place),
    })
    this.#places.set(key, { helper, child, conf: confText(helper) })
    child.start()
  }

  #command(child: Child, helper: Helper): ChildCommand {
    const { services, sharedMemory, settings } = this.#options
    const identity = { slot: 0, sharedMemory, workers: settings().worker_processes }
    const family = familyOf(helper)
    const peer = new Peer({ child, identity, family, services })
    this.#peers.set(child, peer)
    return {
      file: process.execPath,
      args: [...copilotFlags, entryPath('copilot-process'), this.#hostOptions(helper)],
      env: copilotEnvironment(settings()),
      descriptors: [peer.inherited],
    }
  }

  #hostOptions({ line, program, confFile }: Helper): string {
    const settings = this.#options.settings()
    const { cluster_name: clusterName, node_name: nodeName, logRules, user } = settings
    const { prefix, sharedMemory } = this.#options
    const { tag } = line
    const options = {
      tag,
      title: titleOf(line),
      program,
      confFile,
      prefix,
      clusterName,
      nodeName,
      logRules,
      sharedMemory,
      user,
    }
    return JSON.stringify(options satisfies HostOptions)
  }

  #onExit(child: Child): void {
    this.#peers.get(child)?.onGone()
    this.#peers.delete(child)
  }
}

/** Whose sockets it borrows. */
function familyOf({ line }: Helper): string {
  return `copilot ${line.tag}`
}

function isOver({ helper, conf }: Place, wanted: Helper | undefined): boolean {
  if (wanted === undefined) return true
  return !helper.ignoreReload && conf !== confText(wanted)
}

function confText({ confFile }: Helper): string | undefined {
  return confFile === undefined ? undefined : readFileSync(confFile, 'utf8')
}
