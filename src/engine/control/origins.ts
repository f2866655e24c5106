/**
 * Where the directives of a change come from. What is wrong with them is found by lines of instructions, which
 * their author has never seen: it is told by the lines of what was sent.
 *
 * ```text
 *   sent, line 7   server { listen 80; retrun 200; }      unknown directive "retrun" in configuration:7
 *   instruction    server {                                                   ▲
 *                      listen 80;                                             │
 *                      retrun 200;                        … in /dyn/config/http/server@80,:3
 *                  }
 * ```
 */
import { directives } from '../conf/block.ts'
import { configurationFromText } from '../conf/includes.ts'
import { type Directive, type Position, reportedAt } from '../conf/tree.ts'
import { placeTopic } from './place.ts'
import type { Reply } from './refusal.ts'

interface Origin {
  /** As the instruction has it. */
  readonly text: string
  readonly nodes: readonly Directive[]
}

const linePattern = new RegExp(` in (${placeTopic}.*):([0-9]+)$`, 'gm')

export class Origins {
  readonly #all = new Map<string, Origin>()

  /** The instruction with that key says what the nodes say. */
  note(key: string, origin: Origin): void {
    this.#all.set(key, origin)
  }

  /** The reply with the author's lines, as far as they are known. */
  replyOf({ msg, data, ...reply }: Reply): Reply {
    const told = data?.map((text) => this.#told(text))
    return { ...reply, msg: this.#told(msg), ...(told !== undefined && { data: told }) }
  }

  #told(message: string): string {
    return message.replaceAll(linePattern, (all, key: string, line: string) => {
      const at = this.#at(key, Number(line))
      return at === undefined ? all : ` in ${at.file}:${at.line}`
    })
  }

  #at(key: string, line: number): Position | undefined {
    const origin = this.#all.get(key)
    if (origin === undefined) return undefined
    const { main } = configurationFromText(origin.text, key)
    const told = [...preorder(directives(main.block!))]
    const sent = [...preorder(origin.nodes)]
    const node = sent[told.findIndex((one) => reportedAt(one)?.line === line)]
    return node && reportedAt(node)
  }
}

/** A block and what stands in it, in the order of the text. */
function* preorder(nodes: Iterable<Directive>): Generator<Directive, void, undefined> {
  for (const node of nodes) {
    yield node
    if (node.block !== undefined) yield* preorder(directives(node.block))
  }
}
