/**
 * What secrets become where whoever looks is no admin: private keys that stand in a configuration, and the
 * words of directives that are secrets by themselves.
 */
import { blockOf, directives } from '../../conf/block.ts'
import { type Directive, withArgs, withBlock } from '../../conf/tree.ts'
import type { Access } from './grant.ts'

const mask = '[redacted]'

/** Directives whose arguments are secret, from the one with that number on. */
const secretFrom: Readonly<Record<string, number>> = {
  secure_link_secret: 0,
  secure_link_md5: 0,
  auth_jwt_key: 0,
}

/** Directives that set a field of a request, by its name. */
const fieldDirectives: ReadonlySet<string> = new Set([
  'proxy_set_header',
  'grpc_set_header',
  'add_header',
  'add_more_header',
])
const secretFields = /^(?:proxy-)?authorization$|^cookie$|(?:^|-)(?:api-?key|token|secret)$/i

/** Parameter of a directive, and field of an instruction: `health_check … password=…`. */
const secretParameter = 'password='
const quotedParameter = /((\\*)"password=)[\s\S]*?(?<!\\)\2"/g
const singleQuotedParameter = /('password=)[^']*(')/g
const bareParameter = /(?<=^|\s)(password=)[^\s;"']+/g
/** Quotes within the value have more backslashes than those around it. */
const secretJson = /((\\*)"password\2":\s*\2")[\s\S]*?(?<!\\)\2"/g

/** PEM, with line ends as they are or as JSON writes them. */
const privateKey =
  /(-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----)[\s\S]*?(-----END (?:[A-Z0-9]+ )*PRIVATE KEY-----)/g

/** A word of a configuration, quoted or not; within JSON, quotes are escaped. */
const anyWord = String.raw`(?:\\?"(?:[^"\\]|\\[^"])*\\?"|'[^']*'|[^\s;"']+)`
/** Where a directive may begin: in JSON, a line begins behind the letters `\n`. */
const beginning = String.raw`(?<=^|\W|\\[nrt])`
const secretWords = new RegExp(
  String.raw`${beginning}(${Object.keys(secretFrom).join('|')})(\s+)${anyWord}`,
  'g',
)
const secretFieldWords = new RegExp(
  String.raw`${beginning}((?:${[...fieldDirectives].join('|')})\s+(?:proxy-)?(?:authorization|cookie|[\w-]*(?:api-?key|token|secret))\s+)${anyWord}`,
  'gi',
)

/** The tree as this caller may see it; the same object where there is nothing to hide. */
export function visibleTree({ grant }: Access, tree: Directive): Directive {
  return grant.scope === 'admin' ? tree : redactTree(tree)
}

/** The same for an answer that holds configuration or instructions as text. */
export async function visibleResponse({ grant }: Access, response: Response): Promise<Response> {
  const { body, headers, status } = response
  if (grant.scope === 'admin' || body === null) return response
  const type = headers.get('content-type') ?? ''
  if (type.startsWith('text/event-stream')) {
    return new Response(body.pipeThrough(redactingEvents()), { headers, status })
  }
  if (!/^(?:text\/plain|application\/json)/.test(type)) return response
  const text = await response.text()
  return new Response(redactText(text), { headers, status })
}

/** Why a body is refused that says what was hidden from whoever sends it: the secret would be lost. */
export function hiddenObjection({ grant }: Access, body: string | undefined): string | undefined {
  return grant.scope !== 'admin' && body?.includes(mask) === true
    ? `"${mask}" stands for a secret that admins alone see and change`
    : undefined
}

/** Events come whole, one or more to a chunk. */
function redactingEvents(): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream({
    transform: (chunk, controller) =>
      controller.enqueue(Buffer.from(redactText(Buffer.from(chunk).toString()))),
  })
}

export function redactText(text: string): string {
  return text
    .replaceAll(privateKey, `$1${mask}$2`)
    .replaceAll(quotedParameter, `$1${mask}$2"`)
    .replaceAll(singleQuotedParameter, `$1${mask}$2`)
    .replaceAll(bareParameter, `$1${mask}`)
    .replaceAll(secretJson, `$1${mask}$2"`)
    .replaceAll(secretWords, (_, name: string, space: string) => `${name}${space}${mask}`)
    .replaceAll(secretFieldWords, (_, start: string) => `${start}${mask}`)
}

/** What was redacted before need not be looked at again: most of a tree stays from change to change. */
const redacted = new WeakMap<Directive, Directive>()

export function redactTree(node: Directive): Directive {
  const known = redacted.get(node)
  if (known !== undefined) return known
  const own = redactArguments(node)
  const next = own.block === undefined ? own : redactBlock(own)
  redacted.set(node, next)
  return next
}

function redactBlock(node: Directive): Directive {
  const before = [...directives(node.block!)]
  const after = before.map(redactTree)
  return after.every((child, i) => child === before[i]) ? node : withBlock(node, blockOf(after))
}

function redactArguments(node: Directive): Directive {
  const { args } = node
  const from = secretStart(node)
  const next = args.map((word, i) => (i >= from ? mask : redactWord(word)))
  return next.every((word, i) => word === args[i]) ? node : withArgs(node, next)
}

/** A parameter is one word here, whatever blanks are in it. */
function redactWord(word: string): string {
  return word.startsWith(secretParameter) ? `${secretParameter}${mask}` : redactText(word)
}

function secretStart({ name, args }: Directive): number {
  const isField = fieldDirectives.has(name) && secretFields.test(args[0] ?? '')
  return isField ? 1 : (secretFrom[name] ?? Infinity)
}
