/**
 * The configuration test (`-t`): everything that a start or a reload would refuse, without touching what
 * runs. Certificates are read, hosts looked up, ports bound for a moment, copilots' files looked at.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { accessSync, constants, existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { checkConfiguration } from '../conf/check.ts'
import type { Diagnostic } from '../conf/diagnostics.ts'
import { silentLog } from '../core/log.ts'
import { ModuleTable } from '../core/module-table.ts'
import { createInstance, removeInstance } from '../core/shared-memory.ts'
import { formatAddress, type InetAddress } from '../net/address.ts'
import { LocalDescriptorSource } from '../net/descriptor-source.ts'
import { errnoText } from '../net/errors.ts'
import type { ListenSpec } from '../net/listen-plan.ts'
import { closeDescriptor, openListeningSocket } from '../net/listening-socket.ts'
import { consider } from './candidate.ts'
import { DataPlane } from './data-plane.ts'
import { plansOf } from './listening.ts'
import { loadModules } from './load-module.ts'
import { toRefused } from './membership.ts'
import type { Place } from './place.ts'
import { type ReadConfiguration, readConfiguration } from './read-configuration.ts'
import type { Settings } from './settings.ts'

export interface TestResult {
  readonly read: ReadConfiguration
  readonly diagnostics: readonly Diagnostic[]
  /** True when each directive is known and well formed: nginx says so before it tests what it means. */
  readonly syntaxOk: boolean
}

export async function testConfiguration(place: Place, globals: string): Promise<TestResult> {
  const read = readConfiguration({ entry: place.entry, prefix: place.prefix, globals })
  const shapes = await checkShapes(read, place)
  if (shapes.length > 0) return { read, diagnostics: shapes, syntaxOk: false }
  const { diagnostics, candidate } = await consider(place, globals)
  if (candidate === undefined) return { read, diagnostics, syntaxOk: !hasPlaces(diagnostics) }
  const compiled = await testCompile(read, candidate.settings)
  const files = isFatal(compiled) ? [] : testFiles(candidate.settings)
  const all = [...diagnostics, ...compiled, ...files]
  return { read, diagnostics: all, syntaxOk: !hasPlaces(compiled) }
}

/** What is wrong with a directive has a place; what is wrong with the whole, or the system, has none. */
function hasPlaces(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some(({ severity, at }) => severity === 'emerg' && at !== undefined)
}

function isFatal(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some(({ severity }) => severity === 'emerg')
}

/** What the reader found and what the tables forbid, in the order of the files. */
async function checkShapes(
  { tree: main, parsed: files, diagnostics: found }: ReadConfiguration,
  { prefix }: Place,
): Promise<readonly Diagnostic[]> {
  const { modules, diagnostics } = await loadModules(main, prefix)
  const table = new ModuleTable(modules)
  return [...diagnostics, ...checkConfiguration({ main, files, diagnostics: found }, table)]
}

/** Compiles as a worker would, opens nothing that stays, and tries the ports. */
async function testCompile(
  { files }: ReadConfiguration,
  { logRules }: Settings,
): Promise<readonly Diagnostic[]> {
  const source = new LocalDescriptorSource(silentLog)
  const sharedMemory = createInstance(files.prefix)
  const plane = new DataPlane({ source, sharedMemory, logRules, owner: undefined, dryRun: true })
  try {
    await plane.runtime.load({ files, instructions: [], revision: 0 })
    const plans = [...plansOf(plane.runtime.snapshot).values()].flatMap((map) => [...map.values()])
    const faults = await Promise.all(plans.map(tryPort))
    return faults.filter((fault) => fault !== undefined).map(toDiagnostic)
  } catch (error) {
    return toRefused(error, plane.log).diagnostics
  } finally {
    plane.close()
    removeInstance(sharedMemory)
  }
}

/** Why the address cannot be bound; a port that is in use is most likely the running engine's own. */
async function tryPort(spec: ListenSpec): Promise<string | undefined> {
  try {
    await bindOnce(spec)
    return undefined
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'EADDRINUSE' ? undefined : message
  }
}

async function bindOnce(spec: ListenSpec): Promise<void> {
  const { address } = spec
  if (address.family === 'unix') {
    accessSync(dirname(address.path), constants.W_OK)
    return
  }
  if (spec.protocol === 'udp') return bindDatagrams(address)
  // Without reuseport, so that no connection of the running engine is led astray.
  const { reuseport: _, ...options } = spec.options
  closeDescriptor(openListeningSocket({ ...spec, options }, silentLog))
}

async function bindDatagrams(address: InetAddress): Promise<void> {
  const socket = createSocket(address.family === 6 ? 'udp6' : 'udp4')
  try {
    socket.bind({ address: address.host, port: address.port, exclusive: true })
    await once(socket, 'listening')
  } catch (error) {
    const cause = error as NodeJS.ErrnoException
    const message = `bind() to ${formatAddress(address)} failed (${errnoText(cause)})`
    throw Object.assign(new Error(message, { cause }), { code: cause.code })
  } finally {
    socket.close()
  }
}

/** Files of the main context that are opened at start. */
function testFiles({ logRules, pid }: Settings): readonly Diagnostic[] {
  const logs = logRules.flatMap(({ target }) => (target.kind === 'file' ? [target.path] : []))
  return [...logs, pid].flatMap((path) => {
    const reason = whyNotWritable(path)
    return reason === undefined ? [] : [toDiagnostic(`open() "${path}" failed (${reason})`)]
  })
}

function whyNotWritable(path: string): string | undefined {
  try {
    accessSync(existsSync(path) ? path : nearestFolder(path), constants.W_OK)
    return undefined
  } catch (error) {
    return errnoText(error as NodeJS.ErrnoException)
  }
}

/** Folders of logs are made where they are missing. */
function nearestFolder(path: string): string {
  const folder = dirname(path)
  return existsSync(folder) || folder === path ? folder : nearestFolder(folder)
}

function toDiagnostic(message: string): Diagnostic {
  return { severity: 'emerg', message, at: undefined }
}
