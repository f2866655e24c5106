/** The configuration text of a dynamic virtual server, and how it is read. */
import { directives } from '../../conf/block.ts'
import { formatDiagnostic } from '../../conf/diagnostics.ts'
import { configurationFromText } from '../../conf/includes.ts'
import type { Directive } from '../../conf/tree.ts'
import { settingsOf } from '../../core/scope.ts'
import { forbiddenText, terminated } from '../instruction-text.ts'
import { Refusal, replyCodes } from '../refusal.ts'
import type { SubsystemName } from '../server-index.ts'

export interface VirtualServerBody {
  readonly addr_port: string
  readonly server_name?: string
  readonly listen_option?: string
  readonly server_body?: string
}

export interface ServerTextRules {
  readonly subsystem: SubsystemName
  readonly forbidden: ReadonlySet<string>
  /** Folder that messages name in front of `logs/…`. */
  readonly prefix: string
}

/**
 * Reads the generated text and makes sure that it is one server and nothing else: a body cannot close the
 * block and open another.
 */
export function readServer(
  body: VirtualServerBody,
  listen: string,
  { subsystem, forbidden, prefix }: ServerTextRules,
): Directive {
  const file = `${prefix}/logs/trijet_0_add_server.txt`
  const { server_name, server_body } = body
  if (server_name === undefined) fail(`unexpected "}" in ${file}:4`)
  const text = `server {\nlisten ${listen};\nserver_name ${server_name};\n${terminated(server_body)}\n}\n`
  const { main, diagnostics } = configurationFromText(text, file)
  const [first] = diagnostics
  if (first !== undefined) fail(formatDiagnostic(first))
  const [server, ...more] = [...directives(main.block!)]
  if (server?.block === undefined || more.length > 0) fail(`unexpected "}" in ${file}:4`)
  const [listenNode, nameNode, ...content] = [...directives(server.block)]
  if (listenNode?.name !== 'listen' || nameNode?.name !== 'server_name') {
    fail(`unexpected ";" in ${file}:3`)
  }
  if (content.some(({ name }) => name === 'listen')) {
    fail(`listen cmd in the server body of dynamic ${subsystem} vs`)
  }
  const fault = forbiddenText(content, forbidden)
  if (fault !== undefined) fail(fault)
  return server
}

/** Names as the configuration reader would see them: without quotes, in lower case. */
export function tokenisedNames(text: string): readonly string[] {
  const { main, diagnostics } = configurationFromText(`server_name ${text};`, 'server_name')
  const [node, ...more] = [...directives(main.block!)]
  if (diagnostics.length > 0 || node === undefined || more.length > 0) return []
  return node.args.map((name) => name.toLowerCase())
}

export function namesOf(server: Directive): readonly string[] {
  return settingsOf(server.block!)
    .filter(({ name }) => name === 'server_name')
    .flatMap(({ args }) => args)
}

function fail(msg: string): never {
  throw new Refusal(replyCodes.failure, msg)
}
