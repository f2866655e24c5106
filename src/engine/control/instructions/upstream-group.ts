/**
 * Dynamic upstream groups: `/ins/ups/http_<name>`, `/ins/stream_ups/<name>` (reference §1b).
 *
 * ```text
 *   {"type":"add","upstream_name":"backend","upstream_body":"zone backend 64k; server 10.0.0.1:80;"}
 *        ▼
 *   upstream backend {
 *       zone backend 64k;
 *       server 10.0.0.1:80;
 *   }                         appended to the block of its subsystem
 * ```
 *
 * A group that servers still refer to does not go: the workers, who know what refers to it, refuse that.
 */
import assert from 'node:assert/strict'
import {
  type Block,
  directives,
  findDirective,
  indexOfDirective,
  splice,
} from '../../conf/block.ts'
import { formatDiagnostic } from '../../conf/diagnostics.ts'
import { configurationFromText } from '../../conf/includes.ts'
import type { Directive } from '../../conf/tree.ts'
import { groupsOf, zoneOf } from '../group-index.ts'
import type { Applied, InstructionKind, Transition } from '../instruction.ts'
import { terminated } from '../instruction-text.ts'
import { Refusal, replyCodes } from '../refusal.ts'
import type { SubsystemName } from '../server-index.ts'
import { updateSubsystem } from '../server-tree.ts'

export interface GroupBody {
  readonly upstream_name: string
  readonly upstream_body?: string
}

export interface GroupKind extends InstructionKind {
  readonly subsystem: SubsystemName
  /** Key of the instruction that makes the group of that name, as it was given. */
  keyOf(name: string): string
}

export const httpGroup: GroupKind = defineGroup('http', '/ins/ups/', 'http_')

export const streamGroup: GroupKind = defineGroup('stream', '/ins/stream_ups/', '')

function defineGroup(subsystem: SubsystemName, topic: string, prefix: string): GroupKind {
  return Object.freeze<GroupKind>({
    subsystem,
    topic,
    keyOf: (name) => `${topic}${prefix}${name}`,
    apply: (transition) => {
      const { before, after } = transition
      if (before === undefined) return add(transition, after as GroupBody, { subsystem })
      const { applied, from } = remove(transition, before as GroupBody, subsystem)
      if (after === undefined) return applied
      return add({ ...transition, ...applied }, after as GroupBody, { subsystem, from })
    },
    identify: (body) => ({ upstream_name: (body as GroupBody).upstream_name }),
  })
}

interface Removed {
  readonly applied: Applied
  /** Where the group stood. */
  readonly from: number
}

function remove(transition: Transition, body: GroupBody, subsystem: SubsystemName): Removed {
  const node = groupsOf(transition.tree, subsystem).find(body.upstream_name.trim())
  assert(node !== undefined, `instruction "${transition.key}" is not in force`)
  const from = indexOfDirective(findDirective(transition.tree.block, subsystem)!.block!, node)
  return { applied: changed(transition, subsystem, (block) => splice(block, from, 1, [])), from }
}

interface Addition {
  readonly subsystem: SubsystemName
  /** Where the one stood whose place it takes; without it, it comes last. */
  readonly from?: number
}

function add(transition: Transition, body: GroupBody, { subsystem, from }: Addition): Applied {
  const { tree, prefix } = transition
  const name = body.upstream_name.trim()
  if (findDirective(tree.block, subsystem) === undefined) {
    fail(`no ${subsystem} module when add upstream!`)
  }
  const node = readGroup(body, `${prefix}/logs/trijet_0_add_upstream.txt`)
  if (groupsOf(tree, subsystem).find(node.args[0]!) !== undefined) {
    throw new Refusal(replyCodes.notAllowed, `error:upstream[${name}] exist!`)
  }
  const zone = zoneOf(node)
  if (zone === undefined) fail('dyn upstream requires zone directive!')
  // Groups of both subsystems keep the state of their peers in the same memory.
  if (groupsOf(tree, 'http').hasZone(zone) || groupsOf(tree, 'stream').hasZone(zone)) {
    fail('upstream zone name exist!')
  }
  return changed(transition, subsystem, (block) => splice(block, from ?? block.size, 0, [node]))
}

/** Reads the generated text and makes sure that it is one group and nothing else. */
function readGroup({ upstream_name, upstream_body }: GroupBody, file: string): Directive {
  const text = `upstream ${upstream_name.trim()} {\n${terminated(upstream_body)}\n}\n`
  const { main, diagnostics } = configurationFromText(text, file)
  const [first] = diagnostics
  if (first !== undefined) fail(formatDiagnostic(first))
  const [group, ...more] = [...directives(main.block!)]
  const isOne = group?.name === 'upstream' && group.args.length === 1 && group.block !== undefined
  if (!isOne) fail('upstream_name error!')
  if (more.length > 0) fail(`unexpected "}" in ${file}:2`)
  return group
}

function changed(
  { tree, http, stream }: Applied,
  subsystem: SubsystemName,
  change: (block: Block) => Block,
): Applied {
  return { tree: updateSubsystem(tree, subsystem, change), http, stream }
}

function fail(msg: string): never {
  throw new Refusal(replyCodes.failure, msg)
}
