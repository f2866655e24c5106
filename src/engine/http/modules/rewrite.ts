/**
 * `rewrite`, `if`, `set`, `break` and `return`: run in the order in which they stand, in a server before its
 * locations and in a location before everything else.
 */
import { directives, findDirective } from '../../conf/block.ts'
import type { Directive } from '../../conf/tree.ts'
import type { BlockRow, Context, Row, ValueEnv } from '../../core/module.ts'
import { createScope, type Scope } from '../../core/scope.ts'
import type { VariableHost } from '../../core/variables.ts'
import { concat, flag } from '../../modules/value-types.ts'
import type { Location } from '../location.ts'
import { defineHttpModule, type Handler, type HttpEnv, type HttpModule } from '../module.ts'
import type { Request } from '../request.ts'
import { parseSet, type Uninitialized } from '../rewrite/assign.ts'
import { compileCondition } from '../rewrite/condition.ts'
import { parseReturn } from '../rewrite/return.ts'
import { parseRewrite } from '../rewrite/rewrite.ts'
import { proceed, runSteps, scriptHandler, type Step, stop } from '../rewrite/script.ts'

/** One directive as a step, with the node that gives its place. */
interface Instruction {
  readonly node: Directive
  readonly step: Step
}

export interface HttpRewriteConf {
  readonly rewrite: readonly Instruction[]
  readonly set: readonly Instruction[]
  readonly break: readonly Instruction[]
  readonly return: readonly Instruction[]
  readonly rewrite_log: boolean
  readonly uninitialized_variable_warn: boolean
}

const scripts: readonly Context[] = [
  'http.server',
  'http.server.if',
  'http.location',
  'http.location.if',
]

/** A directive of the script. */
function row(
  syntax: string,
  args: Row<unknown>['args'],
  doc: string,
  parse: (args: readonly string[], env: ValueEnv) => Step,
): Row<readonly Instruction[]> {
  return {
    contexts: scripts,
    args,
    syntax,
    value: {
      describe: syntax.replace(/^\S+ ?/, ''),
      parse: (words, env) => [{ node: env.node, step: parse(words, env) }],
    },
    default: [],
    merge: concat,
    inherited: false,
    doc,
  }
}

const ifBlock: BlockRow = {
  contexts: ['http.server', 'http.location'],
  args: [1, Infinity],
  syntax: 'if (condition) { ... }',
  opens: 'http.location.if',
  opensIn: { 'http.server': 'http.server.if' },
  repeated: true,
  doc: 'Does what stands in the block where the condition holds; in a location, the settings of the block are in force then.',
}

/** Read before any `set` has written it: empty, and told to the log. */
const uninitialized: Uninitialized = Object.freeze({
  get: (host: VariableHost, name: string) => {
    const request = host as Request
    if (request.location.scope.conf(httpRewrite).uninitialized_variable_warn) {
      request.logError(`using uninitialized "${name}" variable`, 'warn')
    }
    return ''
  },
  changeable: true,
})

export const httpRewrite: HttpModule<HttpRewriteConf> = defineHttpModule<HttpRewriteConf>({
  id: 'http.rewrite',
  blocks: { if: ifBlock },
  directives: {
    rewrite: row(
      'rewrite regex replacement [last | break | redirect | permanent]',
      [2, 3],
      'Changes the URI where an expression matches it, or redirects.',
      parseRewrite,
    ),
    set: row('set $variable value', [2, 2], 'Sets a value for a variable.', (args, env) =>
      parseSet(args, env, uninitialized),
    ),
    break: row('break', [0, 0], 'Ends the script here.', () => endScript),
    return: row(
      'return code [text] | code URL | URL',
      [1, 2],
      'Ends the request with a status, a text or a redirect.',
      parseReturn,
    ),
    rewrite_log: {
      contexts: ['http', ...scripts],
      args: [1, 1],
      syntax: 'rewrite_log on | off',
      value: flag,
      default: false,
      doc: 'Logs what the script does, at the "notice" level.',
    },
    uninitialized_variable_warn: {
      contexts: ['http', ...scripts],
      args: [1, 1],
      syntax: 'uninitialized_variable_warn on | off',
      value: flag,
      default: true,
      doc: 'Logs a warning where a variable is read that no "set" has written.',
    },
  },
  hooks: {
    serverRewrite: (conf, env) =>
      compileScript(conf, env, (node) => scopeOfServerIf(node, env), false),
    rewrite: (conf, env) => {
      // Without a location the script is the server's, which has run.
      if (env.pattern === undefined) return undefined
      return compileScript(conf, env, (node) => enterInner(env.compileInner(node)), true)
    },
  },
})

/** What is known of the block of an `if`. */
interface Inner {
  readonly scope: Scope
  /** First step of the block. */
  readonly enter: Step
}

function compileScript(
  conf: HttpRewriteConf,
  env: HttpEnv,
  openIf: (node: Directive) => Inner,
  relocates: boolean,
): Handler | undefined {
  const own = stepsByNode(conf)
  if (own.size === 0 && findDirective(env.node.block, 'if') === undefined) return undefined
  const steps: Step[] = []
  for (const node of directives(env.node.block!)) {
    const step = own.get(node)
    if (step !== undefined) steps.push(step)
    else if (node.name === 'if' && node.block !== undefined) {
      const branch = env.session.attempt(node, () => compileIf(node, env, openIf))
      if (branch !== undefined) steps.push(branch)
    }
  }
  return scriptHandler(steps.slice(), { logs: conf.rewrite_log, relocates })
}

function stepsByNode(conf: HttpRewriteConf): ReadonlyMap<Directive, Step> {
  const all = [...conf.rewrite, ...conf.set, ...conf.break, ...conf.return]
  return new Map(all.map(({ node, step }) => [node, step]))
}

function compileIf(node: Directive, env: HttpEnv, openIf: (node: Directive) => Inner): Step {
  const condition = compileCondition(node.args, { ...env, node })
  const { scope, enter } = openIf(node)
  const own = stepsByNode(scope.conf(httpRewrite))
  const steps = [enter]
  for (const child of directives(node.block!)) {
    const step = own.get(child)
    if (step !== undefined) steps.push(step)
  }
  return (request, run) => (condition(request, run) ? runSteps(steps, request, run) : proceed)
}

/** In a server there is no location yet whose settings could be exchanged. */
function scopeOfServerIf(node: Directive, { scope, session, variables }: HttpEnv): Inner {
  const inner = createScope({
    context: 'http.server.if',
    parent: scope,
    block: node.block,
    session,
    variables,
  })
  return { scope: inner, enter: () => proceed }
}

/** The request goes on in the block as in a location; of several such blocks the last one counts. */
function enterInner(inner: Location): Inner {
  return {
    scope: inner.scope,
    enter: (request) => {
      request.location = inner
      return proceed
    },
  }
}

const endScript: Step = (_request, run) => {
  run.relocates = false
  return stop
}
