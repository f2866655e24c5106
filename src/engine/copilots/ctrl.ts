/**
 * The ctrl copilot: the control plane. It is this same engine on a configuration of its own, with the
 * dynamic API, its documents and whatever else that configuration serves.
 *
 * ```text
 *   ctrl.conf ─▶ own data plane ── dynamic API ─▶ control plane ─▶ master ─▶ every worker
 *                                                      │ image of the workers' tree
 *                                                      └▶ bus: retained topics, key values
 * ```
 */
import { join } from 'node:path'
import { findDirective } from '../conf/block.ts'
import type { Directive } from '../conf/tree.ts'
import { Kv } from '../bus/kv.ts'
import { passwordKeyPrefix } from '../control/endpoints/passwords.ts'
import { FileAuditLog } from '../control/access/audit-log.ts'
import { Redaction } from '../control/access/redaction.ts'
import { Tokens } from '../control/access/tokens.ts'
import type { Entrance } from '../control/http-access.ts'
import { createControlModules } from '../control/http-modules.ts'
import type { LogRule } from '../core/log.ts'
import { builtInModules, engineModules } from '../process/built-ins.ts'
import { ConfigurationError } from '../process/configuration.ts'
import { type Copilot, type CopilotContext, defineCopilot } from '../process/copilot.ts'
import { DataPlane } from '../process/data-plane.ts'
import { keyValuesPath } from '../process/key-values.ts'
import { loadModules } from '../process/load-module.ts'
import type { ConfigurationFiles } from '../process/messages.ts'
import { placeOf } from '../process/place.ts'
import { product } from '../process/product.ts'
import { readConfiguration } from '../process/read-configuration.ts'
import { readSettings } from '../process/settings.ts'
import { SqliteStore } from '../store/sqlite-store.ts'
import { formatDiagnostic } from '../conf/diagnostics.ts'
import { BusLink } from './ctrl/bus-link.ts'
import { readBusConf } from './ctrl/bus-conf.ts'
import { Image } from './ctrl/image.ts'
import { LivePlane } from './ctrl/live-plane.ts'
import { WorkerScaler } from './ctrl/worker-scaler.ts'
import { StateFiles } from './ctrl/state-files.ts'

export const copilot: Copilot = defineCopilot({
  version: 1,
  run: async (context) => {
    const own = readOwn(context)
    const links: BusLink[] = []
    const stateFiles = new StateFiles(context)
    const redaction = new Redaction(builtInModules)
    let learning: Promise<void> | undefined
    const image = new Image({
      onLoad: (state) => {
        stateFiles.onLoad(state)
        learning = learnSecrets(redaction, state.tree, context.prefix)
      },
      onChange: (edits, state) => {
        stateFiles.onChange(edits, state)
        for (const link of links) link.onChange(edits)
      },
    })
    context.master.follow(image)
    await Promise.race([image.loaded, aborted(context.signal)])
    if (context.signal.aborted) return
    await learning
    const link = joinBus(context, image, own.tree, () => kv.republish())
    links.push(link)
    const values = new SqliteStore(keyValuesPath(context.prefix))
    const isSecret = (name: string): boolean => name.startsWith(passwordKeyPrefix)
    const kv = new Kv({ store: values, bus: link.client, log: context.log, isSecret })
    const audit = new FileAuditLog(join(context.prefix, 'logs/audit.log'))
    const tokens = new Tokens(context.prefix)
    const door = { tokens, isAdmin: (uid: number) => isAdmin(uid, image) }
    const plane = createOwnPlane(context, image, {
      logRules: own.logRules,
      entrance: { door, audit, redaction },
    })
    try {
      await serve(plane, own, { context, audit })
    } finally {
      await tokens.close()
      audit.close()
      await kv.close()
      await link.close()
      await values.close()
    }
  },
})

interface Own {
  readonly tree: Directive
  readonly files: ConfigurationFiles
  readonly logRules: readonly LogRule[]
}

/** The copilot's own configuration; throws with every fault of it. */
function readOwn({ confFile, prefix, log }: CopilotContext): Own {
  if (confFile === undefined) throw new Error('the helper line of ctrl names no configuration file')
  const { tree, files, diagnostics } = readConfiguration({ entry: confFile, prefix, globals: '' })
  for (const diagnostic of diagnostics) log.write(diagnostic.severity, formatDiagnostic(diagnostic))
  if (diagnostics.length > 0) throw new ConfigurationError(diagnostics)
  const { settings } = readSettings(tree, placeOf({ entry: confFile, prefix }))
  return { tree, files, logRules: settings.logRules }
}

/** Modules that the configuration loads have secrets of their own. */
async function learnSecrets(redaction: Redaction, tree: Directive, prefix: string): Promise<void> {
  const { modules } = await loadModules(tree, prefix)
  redaction.learn(modules)
}

/** The bus as `dyn_sendmsg_conf` says it; the installation's own broker otherwise. */
function joinBus(
  context: CopilotContext,
  image: Image,
  tree: Directive,
  onReturn: () => void,
): BusLink {
  const setting = findDirective(findDirective(tree.block, 'http')?.block, 'dyn_sendmsg_conf')
  return new BusLink({
    conf: readBusConf(setting?.args[0], context),
    clientId: `${context.nodeName}_msg_${process.pid}`,
    log: context.log,
    instructions: () => image.state.instructions,
    onReturn,
  })
}

/** Root, whoever runs this process, and the user of the workers. */
function isAdmin(uid: number, { settings }: Image): boolean {
  return uid === 0 || uid === process.getuid?.() || uid === settings.user?.uid
}

function createOwnPlane(
  { prefix, master, kv, sockets, log }: CopilotContext,
  image: Image,
  { logRules, entrance }: { readonly logRules: readonly LogRule[]; readonly entrance: Entrance },
): DataPlane {
  const plane = new LivePlane({ prefix, master, image, keyValues: kv })
  const control = { plane, version: product.version, entrance }
  log.write('info', 'control has an image of the data plane')
  return new DataPlane({
    source: sockets,
    // Its zones are its own: what it counts of itself is not the workers'.
    sharedMemory: `${image.sharedMemory}.ctrl`,
    logRules,
    owner: image.settings.user,
    modules: [...engineModules, ...createControlModules(control)],
  })
}

/** Serves until told to stop; RESTART takes the configuration file as it is now, without a break. */
async function serve(
  plane: DataPlane,
  { files, tree }: Own,
  { context, audit }: { readonly context: CopilotContext; readonly audit: FileAuditLog },
): Promise<void> {
  try {
    await plane.runtime.load({ files, instructions: [], revision: 0 })
    await plane.runtime.serve()
  } catch (error) {
    report(error, context)
    throw error
  }
  const scaler = new WorkerScaler(context.master, context.log)
  scaler.follow(tree)
  for await (const command of context.commands) {
    if (command === 'reopen') {
      plane.reopenLogs()
      audit.reopen()
      continue
    }
    try {
      const own = readOwn(context)
      await plane.runtime.prepare({ files: own.files, edits: [] })
      plane.runtime.commit()
      plane.useLog(own.logRules)
      scaler.follow(own.tree)
    } catch (error) {
      report(error, context)
    }
  }
  scaler.stop()
  await plane.drain(drainLimitMs)
  plane.close()
}

/** Requests under way when control is told to stop may end, for so long. */
const drainLimitMs = 2_000

function report(error: unknown, { log }: CopilotContext): void {
  if (!(error instanceof ConfigurationError)) {
    log.write('emerg', (error as Error).message)
    return
  }
  for (const diagnostic of error.diagnostics) {
    log.write(diagnostic.severity, formatDiagnostic(diagnostic))
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (signal.aborted) resolve()
  else signal.addEventListener('abort', () => resolve(), { once: true })
  return promise
}
