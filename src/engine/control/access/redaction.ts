/**
 * What secrets become where whoever looks is no admin: words that the row of their directive calls secret,
 * and private keys and passwords wherever they stand.
 *
 * ```text
 *   tree      directive by directive, what was seen before is remembered
 *   answer    JSON: string by string, those that hold JSON or directives in turn
 *             text: directives by their names
 * ```
 */
import { blockOf, directives } from '../../conf/block.ts'
import { type Directive, withArgs, withBlock } from '../../conf/tree.ts'
import type { AnyModule, Row } from '../../core/module.ts'
import { isCredentialField, type Secret, visibleStart } from '../../core/secret.ts'
import { PiecewiseResponse } from '../piecewise-response.ts'
import type { Access } from './grant.ts'

const mask = '[redacted]'

/** PEM. */
const privateKey =
  /(-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----)[\s\S]*?(-----END (?:[A-Z0-9]+ )*PRIVATE KEY-----)/g

/** A word of a configuration, quoted or not. */
const word = String.raw`"(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*'|[^\s;"'{}](?:\\[\s\S]|[^\s;\\])*`
const eachWord = new RegExp(word, 'g')

export class Redaction {
  readonly #secrets = new Map<string, Secret>()
  /** Most of a tree stays from change to change. */
  #seen = new WeakMap<Directive, Directive>()
  #statements: RegExp | undefined

  constructor(modules: readonly AnyModule[]) {
    this.learn(modules)
  }

  /** Takes in what further modules call secret. */
  learn(modules: readonly AnyModule[]): void {
    for (const { directives: rows } of modules) {
      for (const [name, { secret }] of Object.entries<Row<unknown>>(rows)) {
        if (secret !== undefined) this.#secrets.set(name, secret)
      }
    }
    this.#seen = new WeakMap()
    this.#statements = statementsOf([...this.#secrets.keys()])
  }

  /** The tree as this caller may see it; the same object where there is nothing to hide. */
  visibleTree({ grant }: Access, tree: Directive): Directive {
    return grant.scope === 'admin' ? tree : this.tree(tree)
  }

  /** The same for an answer that holds configuration or instructions as text. */
  async visibleResponse({ grant }: Access, response: Response): Promise<Response> {
    const { body, headers, status } = response
    if (grant.scope === 'admin' || body === null) return response
    if (response instanceof PiecewiseResponse) return response.map((value) => this.#value(value))
    const type = headers.get('content-type') ?? ''
    if (type.startsWith('text/event-stream')) {
      return new Response(body.pipeThrough(this.#events()), { headers, status })
    }
    if (!/^(?:text\/plain|application\/json)/.test(type)) return response
    return new Response(this.text(await response.text()), { headers, status })
  }

  tree(node: Directive): Directive {
    const known = this.#seen.get(node)
    if (known !== undefined) return known
    const own = this.#arguments(node)
    const next = own.block === undefined ? own : this.#block(own)
    this.#seen.set(node, next)
    return next
  }

  /** Text that is JSON, or holds directives, or neither. */
  text(text: string): string {
    const value = parseJson(text)
    if (value === undefined) return this.#directivesIn(text.replaceAll(privateKey, `$1${mask}$2`))
    const shown = this.#value(value)
    return shown === value ? text : JSON.stringify(shown)
  }

  /** Events come whole, one or more to a chunk. */
  #events(): TransformStream<Uint8Array, Uint8Array> {
    return new TransformStream({
      transform: (chunk, controller) =>
        controller.enqueue(Buffer.from(this.text(Buffer.from(chunk).toString()))),
    })
  }

  #block(node: Directive): Directive {
    const before = [...directives(node.block!)]
    const after = before.map((child) => this.tree(child))
    return after.every((child, i) => child === before[i]) ? node : withBlock(node, blockOf(after))
  }

  #arguments(node: Directive): Directive {
    const { name, args } = node
    const secret = this.#secrets.get(name)
    const next = args.map((text, at) => {
      const start = secret === undefined ? undefined : visibleStart(secret, args, at)
      return start === undefined ? this.text(text) : `${start}${mask}`
    })
    return next.every((text, i) => text === args[i]) ? node : withArgs(node, next)
  }

  #directivesIn(text: string): string {
    if (this.#statements === undefined) return text
    return text.replaceAll(this.#statements, (all, name: string, rest: string) => {
      const secret = this.#secrets.get(name)!
      const words = [...rest.matchAll(eachWord)].map(([raw]) => unquoted(raw))
      let at = -1
      const shown = rest.replaceAll(eachWord, (raw) => {
        const start = visibleStart(secret, words, (at += 1))
        return start === undefined ? raw : `${start}${mask}`
      })
      return shown === rest ? all : `${name}${shown}`
    })
  }

  /** The same value where there is nothing to hide. */
  #value(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value)
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) {
      const shown = value.map((item) => this.#value(item))
      return shown.every((item, i) => item === value[i]) ? value : shown
    }
    const entries = Object.entries(value)
    const shown = entries.map(([key, item]) => this.#field(value, key, item))
    return shown.every((item, i) => item === entries[i]![1])
      ? value
      : Object.fromEntries(entries.map(([key], i) => [key, shown[i]]))
  }

  /** `{"password":…}`, and `{"key":"X-Api-Key","value":…}` as fields of messages are declared. */
  #field(owner: object, key: string, item: unknown): unknown {
    if (typeof item !== 'string' || item === '') return this.#value(item)
    if (key === 'password') return mask
    const isCredential =
      key === 'value' &&
      'key' in owner &&
      typeof owner.key === 'string' &&
      isCredentialField(owner.key)
    return isCredential ? mask : this.text(item)
  }
}

/** Why a body is refused that says what was hidden from whoever sends it: the secret would be lost. */
export function hiddenObjection({ grant }: Access, body: string | undefined): string | undefined {
  return grant.scope !== 'admin' && body?.includes(mask) === true
    ? `"${mask}" stands for a secret that admins alone see and change`
    : undefined
}

/** Those directives with their words, wherever in a text they stand. */
function statementsOf(names: readonly string[]): RegExp | undefined {
  if (names.length === 0) return undefined
  return new RegExp(String.raw`(?<![\w$-])(${names.join('|')})((?:\s+(?:${word}))+)`, 'g')
}

/** `undefined` for what is no object or list; addresses such as `[::]:80` are not even tried. */
function parseJson(text: string): unknown {
  if (!/^\s*[[{]/.test(text) || !/[\]}]$/.test(text.trimEnd().slice(-1))) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function unquoted(raw: string): string {
  const body = /^["']/.test(raw) ? raw.slice(1, -1) : raw
  return body.replaceAll(/\\([\s\S])/g, '$1')
}
