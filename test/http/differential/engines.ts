/**
 * Both engines on the configurations of many cases at once. A case whose configuration one of them refuses
 * is taken out and told by its own test; the others run.
 */
import { readdirSync, rmSync } from 'node:fs'
import { certificateAuthority, certificateFor } from '../../support/certificates.ts'
import { startNginx } from '../../support/nginx.ts'
import { freePorts } from '../../support/ports.ts'
import { run } from '../../support/process.ts'
import { Scope, type Owner } from '../../support/scope.ts'
import { type Files, makeTempPrefix, type TempPrefix } from '../../support/temp-prefix.ts'
import { launcher, startTrijet } from '../../support/trijet.ts'
import { type Backend, type Backends, startBackend } from './backend.ts'
import type { Case } from './case.ts'
import { Site } from './site.ts'

export type EngineName = 'nginx' | 'trijet'

/** Cases of one engine that runs. */
export interface Engine {
  readonly prefix: TempPrefix
  readonly sites: ReadonlyMap<Case, Site>
  /** What the engine said about the configurations it refused. */
  readonly refused: ReadonlyMap<Case, string>
}

/** Starts that leave out what was refused unexpectedly, before the run is given up. */
const startsMax = 40

/** Listening sockets count too; an nginx short of connections closes idle ones. */
const events = 'worker_connections 8192;'
const main = process.getuid?.() === 0 ? 'user root;' : ''
const http = 'access_log off; include cases/*.conf;'

/** Starts an engine on all cases it takes. */
export async function startEngine(
  owner: Owner,
  name: EngineName,
  cases: readonly Case[],
): Promise<Engine> {
  const [port, port2] = (await freePorts(2)) as [number, number]
  const prefix = makeTempPrefix(owner, sharedFiles())
  const sites = new Map<Case, Site>()
  for (const [index, each] of cases.entries()) {
    const backends = await startBackends(owner, each)
    const site = new Site(index, each, { port, port2 }, backends)
    site.install(prefix)
    sites.set(each, site)
  }
  const refused = await testRefusals(name, prefix, [...sites.values()])
  await startWithout(owner, name, { prefix, sites, refused })
  return { prefix, sites, refused }
}

/**
 * Cases that are meant to be refused are put to a configuration test among themselves, so that the engines
 * need not start for each. What is refused is taken out of the folder.
 */
async function testRefusals(
  name: EngineName,
  prefix: TempPrefix,
  sites: readonly Site[],
): Promise<Map<Case, string>> {
  const refused = new Map<Case, string>()
  let left = sites.filter((site) => site.case.refused === true)
  while (left.length > 0) {
    const said = await refusalOf(name, prefix, left)
    if (said === undefined) break
    const named = culprits(said, left)
    const found = named.size > 0 ? named : await searchCulprit(name, prefix, left)
    takeOut(found, prefix, refused)
    left = left.filter((site) => !refused.has(site.case))
  }
  return refused
}

function takeOut(
  found: ReadonlyMap<Site, string>,
  prefix: TempPrefix,
  refused: Map<Case, string>,
): void {
  for (const [site, message] of found) {
    refused.set(site.case, message)
    rmSync(prefix.file(site.confName), { force: true })
  }
}

function sharedFiles(): Files {
  const [server, client, authority] = [
    certificateFor(['localhost', 'a.test', 'b.test']),
    certificateFor('client.test'),
    certificateAuthority(),
  ]
  return {
    'conf/server.pem': server.cert,
    'conf/server.key': server.key,
    'conf/client.pem': client.cert,
    'conf/client.key': client.key,
    'conf/ca.pem': authority.cert,
    'conf/cases/none.conf': '',
  }
}

async function startBackends(owner: Owner, each: Case): Promise<ReadonlyMap<string, Backend>> {
  const wanted: Record<string, Backends> = { ...each.upstreams }
  if (each.upstream !== undefined) wanted['upstream'] = each.upstream
  const backends = new Map<string, Backend>()
  for (const [name, replies] of Object.entries(wanted)) {
    backends.set(name, await startBackend(owner, replies))
  }
  return backends
}

interface Starting {
  readonly prefix: TempPrefix
  readonly sites: ReadonlyMap<Case, Site>
  readonly refused: Map<Case, string>
}

/** Starts until nobody is refused any more. */
async function startWithout(
  owner: Owner,
  name: EngineName,
  { prefix, sites, refused }: Starting,
): Promise<void> {
  for (let starts = 0; starts < startsMax; starts++) {
    const scope = new Scope()
    try {
      await startOn(scope, name, prefix)
      owner.after(() => scope.close())
      return
    } catch (failure) {
      await scope.close()
      if (!String(failure).includes('[emerg]')) throw failure
      const left = [...sites.values()].filter((site) => !refused.has(site.case))
      const named = culprits(String(failure), left)
      const found = named.size > 0 ? named : await searchCulprit(name, prefix, left)
      if (found.size === 0) throw failure
      takeOut(found, prefix, refused)
    }
  }
  throw new Error(`${name} refused the configuration ${startsMax} times`)
}

async function startOn(scope: Scope, name: EngineName, prefix: TempPrefix): Promise<void> {
  if (readdirSync(prefix.file('conf/cases')).length === 0) return
  if (name === 'nginx') {
    await startNginx(scope, { main, events, http, prefix })
    return
  }
  const conf = `${main}\nworker_processes 1;\nevents { ${events} }\nhttp {\n${http}\n}\n`
  await startTrijet(scope, { conf, prefix })
}

/** Cases whose files, or things of their own, are named in a refusal. */
function culprits(said: string, sites: readonly Site[]): Map<Site, string> {
  const found = new Map<Site, string>()
  const byId = new Map(sites.map((site) => [site.id, site]))
  for (const line of said.split('\n')) {
    if (!line.includes('[emerg]')) continue
    const id = /conf\/cases\/(c\d+)\.conf/.exec(line)?.[1] ?? /\b(c\d+)\b/.exec(line)?.[1]
    const site = id === undefined ? undefined : byId.get(id)
    if (site !== undefined && !found.has(site)) found.set(site, line)
  }
  return found
}

/** The first case with which the ones before are refused, for refusals that name none. */
async function searchCulprit(
  name: EngineName,
  prefix: TempPrefix,
  sites: readonly Site[],
): Promise<Map<Site, string>> {
  let [taken, refused] = [0, sites.length]
  while (refused - taken > 1) {
    const middle = Math.floor((taken + refused) / 2)
    const refusal = await refusalOf(name, prefix, sites.slice(0, middle))
    if (refusal === undefined) taken = middle
    else refused = middle
  }
  const refusal = await refusalOf(name, prefix, sites.slice(0, refused))
  const first = refusal?.split('\n').find((line) => line.includes('[emerg]'))
  return new Map(refusal === undefined ? [] : [[sites[refused - 1]!, first ?? refusal]])
}

/** What a configuration test says against some cases together. */
async function refusalOf(
  name: EngineName,
  prefix: TempPrefix,
  sites: readonly Site[],
): Promise<string | undefined> {
  const includes = sites.map((site) => `include cases/${site.id}.conf;`).join('\n')
  const conf = `events { ${events} }\nhttp {\naccess_log off;\n${includes}\n}\n`
  const file = prefix.write('conf/search.conf', conf)
  const command = name === 'nginx' ? 'nginx' : launcher
  const { code, stderr } = await run([command, '-t', '-p', prefix.path, '-c', file])
  if (code === 0) return undefined
  return stderr
}
