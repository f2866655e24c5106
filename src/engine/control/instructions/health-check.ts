/**
 * Health checks of groups: `/dyn/hc/<type>/<upstream>`, a `health_check` at the end of the group's block.
 *
 * ```text
 *   /dyn/hc/http/demo   {"type":"http","upstream":"demo","interval":"3s",…}
 *        ▼
 *   upstream demo { … health_check type=http interval=3s; }
 * ```
 *
 * A group has one check of each type; one that the files define is the files'.
 */
import { type Block, append, directives, indexOfDirective, splice } from '../../conf/block.ts'
import { type Directive, directive, withBlock } from '../../conf/tree.ts'
import { typeOf } from '../../upstream/health/check-parameters.ts'
import { groupsOf } from '../group-index.ts'
import {
  checkCodes,
  checkTypes,
  type CheckType,
  type Fields,
  toWords,
} from '../health-check-fields.ts'
import type { Applied, Instructions, InstructionKind } from '../instruction.ts'
import { Refusal } from '../refusal.ts'
import type { SubsystemName } from '../server-index.ts'
import { exchange, updateSubsystem } from '../server-tree.ts'

export interface HealthCheckBody extends Fields {
  readonly type: string
  readonly upstream: string
}

export const healthCheck: InstructionKind = {
  topic: '/dyn/hc/',
  apply: ({ tree, http, stream, before, after }) => {
    const body = (after ?? before) as HealthCheckBody
    const type = checkTypes[body.type]
    const group = type && groupsOf(tree, type.subsystem).find(body.upstream)
    if (type === undefined || group?.block === undefined) {
      if (after === undefined) return { tree, http, stream }
      throw new Refusal(checkCodes.upstream, 'not find upstream')
    }
    const known = before === undefined ? undefined : findCheck(group, type)
    const rest = known === undefined ? group.block : without(group.block, known)
    const block = after === undefined ? rest : withCheck(rest, type, body)
    return changed({ tree, http, stream }, type.subsystem, [group, withBlock(group, block)])
  },
  identify: (body) => {
    const { type, upstream } = body as HealthCheckBody
    return { type, upstream }
  },
}

/** Names may hold what topics may not. */
export function healthCheckKey(type: string, upstream: string): string {
  return `${healthCheck.topic}${type}/${encodeURIComponent(upstream.toLowerCase())}`
}

/** Instructions that give a group checks. */
export function healthCheckKeys(
  instructions: Instructions,
  subsystem: SubsystemName,
  upstream: string,
): readonly string[] {
  const types = Object.keys(checkTypes).filter((type) => checkTypes[type]!.subsystem === subsystem)
  return types.map((type) => healthCheckKey(type, upstream)).filter((key) => instructions.has(key))
}

/** The check of that type, whoever defined it. */
export function findCheck(
  { block }: Directive,
  { probe, subsystem }: CheckType,
): Directive | undefined {
  for (const node of directives(block!)) {
    if (node.name !== 'health_check' || !definesCheck(node)) continue
    if (typeOf(node.args, `${subsystem}.upstream`) === probe) return node
  }
  return undefined
}

/** `mandatory` and `persistent` alone are no check. */
function definesCheck({ args }: Directive): boolean {
  return args.length === 0 || args.some((word) => word !== 'mandatory' && word !== 'persistent')
}

function withCheck(block: Block, type: CheckType, body: HealthCheckBody): Block {
  if (findCheck(directive('upstream', [], block), type) !== undefined) {
    throw new Refusal(checkCodes.configured, 'The health check already configured ')
  }
  const { type: _type, upstream: _upstream, ...fields } = body
  return append(block, directive('health_check', toWords(type, fields)))
}

function without(block: Block, node: Directive): Block {
  return splice(block, indexOfDirective(block, node), 1, [])
}

function changed(
  { tree, http, stream }: Applied,
  subsystem: SubsystemName,
  [group, next]: readonly [Directive, Directive],
): Applied {
  const changedTree = updateSubsystem(tree, subsystem, (block) => exchange(block, group, next))
  return { tree: changedTree, http, stream }
}
