/**
 * Where the control plane of an engine listens, as its configuration says.
 *
 * ```text
 *   trijet.conf   helper ctrl … conf/ctrl.conf
 *   ctrl.conf     http ▸ server ▸ listen 127.0.0.1:8081, location /api ▸ dyn_module_api
 * ```
 *
 * Of several addresses a unix socket is taken first, then one without TLS: whoever reads the configuration
 * of an engine is on its machine.
 */
import { resolve } from 'node:path'
import { directives } from '../../engine/conf/block.ts'
import { formatDiagnostic } from '../../engine/conf/diagnostics.ts'
import type { Directive } from '../../engine/conf/tree.ts'
import { addressOfListen, type ListenAddress } from '../../engine/control/listen-address.ts'
import { loadName } from '../../engine/control/loaded-modules.ts'
import type { Place } from '../../engine/process/place.ts'
import { readConfiguration } from '../../engine/process/read-configuration.ts'
import type { ControlAddress } from './control-client.ts'

const helperModules: ReadonlySet<string> = new Set(['helper_ctrl_module', 'ctrl'])

/** There is no control plane, or no way to it: exit code 3. */
export class NoControlError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'NoControlError'
  }
}

/** @throws NoControlError */
export function findControl({ entry, prefix }: Place): ControlAddress {
  const main = readTree(entry, prefix)
  const helper = childrenOf(main, 'helper').find(({ args: [tag, module = ''] }) => {
    return tag === 'ctrl' || helperModules.has(loadName(module))
  })
  const conf = helper?.args[2]
  if (conf === undefined) {
    throw new NoControlError(`${entry} starts no control plane: it has no line "helper ctrl …"`)
  }
  const file = resolve(prefix, conf)
  const [found] = addressesIn(readTree(file, prefix), prefix).toSorted(byCloseness)
  if (found === undefined) {
    throw new NoControlError(
      `${file} has no location with "dyn_module_api" on a TCP or unix address`,
    )
  }
  return found
}

/** The interface at a URL: `https://control.example:8443`, with `/api` where it names no path. */
export function controlAt(url: string): ControlAddress {
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    throw new NoControlError(`"${url}" is no URL of http or https`)
  }
  const { protocol, hostname, port, pathname } = new URL(url)
  const secure = protocol === 'https:'
  return {
    kind: 'tcp',
    secure,
    host: hostname,
    port: port === '' ? (secure ? 443 : 80) : Number(port),
    base: pathname === '/' ? '/api' : pathname.replace(/\/+$/, ''),
  }
}

function readTree(entry: string, prefix: string): Directive {
  const { tree, diagnostics } = readConfiguration({ entry, prefix, globals: '' })
  const [fault] = diagnostics
  if (fault !== undefined) throw new NoControlError(formatDiagnostic(fault))
  return tree
}

function addressesIn(tree: Directive, prefix: string): ControlAddress[] {
  const servers = childrenOf(tree, 'http').flatMap((http) => childrenOf(http, 'server'))
  return servers.flatMap((server) => {
    const location = childrenOf(server, 'location').find(
      (one) => childrenOf(one, 'dyn_module_api').length > 0,
    )
    const base = location?.args.at(-1)?.replace(/\/+$/, '')
    if (base === undefined) return []
    return childrenOf(server, 'listen').flatMap((listen) => {
      const address = addressOfListen(listen)
      return address === undefined
        ? []
        : [toControl(address, listen.args.includes('ssl'), { base, prefix })]
    })
  })
}

function toControl(
  { host, port }: ListenAddress,
  secure: boolean,
  { base, prefix }: { readonly base: string; readonly prefix: string },
): ControlAddress {
  if (port === 0) return { kind: 'unix', path: resolve(prefix, host.slice(5)), secure, base }
  const near = host === '0.0.0.0' ? '127.0.0.1' : host === '[::]' ? '[::1]' : host
  return { kind: 'tcp', host: near, port, secure, base }
}

function byCloseness(a: ControlAddress, b: ControlAddress): number {
  return rankOf(a) - rankOf(b)
}

function rankOf({ kind, secure }: ControlAddress): number {
  return (secure ? 2 : 0) + (kind === 'unix' ? 0 : 1)
}

function childrenOf(node: Directive, name: string): readonly Directive[] {
  if (node.block === undefined) return []
  return [...directives(node.block)].filter((child) => child.name === name)
}
