/** What `trijet ctl` can do: each command as a request, and how its answer is shown to people. */
import { blockOf, directives } from '../../engine/conf/block.ts'
import { formatDiagnostic } from '../../engine/conf/diagnostics.ts'
import { print, printDirective } from '../../engine/conf/printer.ts'
import { configurationFromText } from '../../engine/conf/includes.ts'
import { unifiedDiff } from '../../engine/conf/text-diff.ts'
import type { Directive } from '../../engine/conf/tree.ts'
import { ask, type Command, type CommandContext, exitCodes, faultOf } from './command.ts'
import { childrenAt } from './configuration-part.ts'
import { type CtlOptions, readNamed, UsageError, wholeNumber } from './options.ts'
import { formatHistory, formatTokens } from './tables.ts'
import { watch } from './watch.ts'

export const commands: Readonly<Record<string, Command>> = {
  get: {
    usage: 'get [STEP ... | /PATH]',
    doc: 'the running configuration, a part of it (http "upstream a", or "/http/upstream[a]"), or a document (/v1/range)',
    run: get,
  },
  apply: {
    usage: 'apply -f FILE [--if-match TAG] [--dry-run]',
    doc: 'takes a whole configuration into use; "-" reads standard input',
    options: ['file', 'if-match', 'dry-run'],
    run: ({ words, ...context }) => {
      expectWords(words, 0)
      const headers = { 'content-type': 'text/plain', ...matching(context.options) }
      const path = withDryRun('/v2/config', context.options)
      return ask(
        { ...context, words },
        { method: 'PUT', path, body: content(context.options), headers },
      )
    },
  },
  patch: {
    usage: 'patch -f FILE | JSON [--if-match TAG] [--dry-run]',
    doc: 'adds, replaces and removes directives by their place, all or none',
    options: ['file', 'if-match', 'dry-run'],
    run: (context) => {
      const [body = content(context.options), ...rest] = context.words
      expectWords(rest, 0)
      const headers = { 'content-type': 'application/json', ...matching(context.options) }
      const path = withDryRun('/v2/config', context.options)
      return ask(context, { method: 'PATCH', path, body, headers })
    },
  },
  diff: {
    usage: 'diff [FROM [TO]] | -f FILE',
    doc: 'what was changed between two revisions, or what "apply" of the file would change',
    options: ['file'],
    run: (context) => (context.options.file === undefined ? diff(context) : diffOfFile(context)),
  },
  history: {
    usage: 'history [--limit N]',
    doc: 'changes, the newest first',
    options: ['limit'],
    run: (context) => {
      expectWords(context.words, 0)
      const path = `/v2/history?limit=${wholeNumber(context.options.limit ?? '20')}`
      return ask(context, { method: 'GET', path }, formatHistory)
    },
  },
  rollback: {
    usage: 'rollback REVISION [--dry-run]',
    doc: 'makes everything as it was at a revision',
    options: ['dry-run'],
    run: (context) => {
      const [to = '', ...rest] = context.words
      expectWords(rest, 0)
      const body = JSON.stringify({ to: Number(wholeNumber(to)) })
      const path = withDryRun('/v2/rollback', context.options)
      return ask(context, { method: 'POST', path, body })
    },
  },
  watch: {
    usage: 'watch [--from REVISION]',
    doc: 'every change as it is made, until it is interrupted; first those after a revision',
    options: ['from'],
    run: watch,
  },
  token: {
    usage:
      'token list | create NAME SCOPE [--path P ...] [--method M ...] [--expires T] | revoke ID',
    doc: 'who else may talk to control; SCOPE is read, change or admin',
    options: ['path', 'method', 'expires'],
    run: token,
  },
  health: {
    usage: 'health',
    doc: 'whether all workers serve; exit code 1, and why not, when they do not',
    run: (context) => {
      expectWords(context.words, 0)
      return ask(context, { method: 'GET', path: '/v2/ready' }, () => 'ready')
    },
  },
}

async function get(context: CommandContext): Promise<number> {
  const { words, options, client } = context
  const [first] = words
  if (first?.startsWith('/') === true) {
    expectWords(words, 1)
    const isDocument = /^\/v\d/.test(first)
    const path = isDocument ? first : `/v2/config?path=${encodeURIComponent(first)}`
    return ask(context, { method: 'GET', path })
  }
  const format = options.json && words.length === 0 ? 'json' : 'text'
  const request = { method: 'GET', path: `/v2/config?format=${format}` }
  if (words.length === 0) return ask(context, request)
  const answer = await client.ask(request)
  if (faultOf(answer) !== undefined) return ask(context, request)
  const found = childrenAt(configurationFromText(answer.body, 'running configuration').main, words)
  if (found.length === 0) {
    context.err(`there is no ${words.join(' > ')} in the running configuration`)
    return exitCodes.refused
  }
  context.out(found.map(printDirective).join('\n'))
  return exitCodes.done
}

function diff(context: CommandContext): Promise<number> {
  const [from, to, ...rest] = context.words
  expectWords(rest, 0)
  const query = new URLSearchParams({
    ...(from !== undefined && { from: wholeNumber(from) }),
    ...(to !== undefined && { to: wholeNumber(to) }),
  })
  const path = query.size > 0 ? `/v2/diff?${query.toString()}` : '/v2/diff'
  return ask(context, { method: 'GET', path })
}

async function diffOfFile(context: CommandContext): Promise<number> {
  const { client, options, words, out, err } = context
  expectWords(words, 0)
  const file = configurationFromText(content(options), options.file!)
  const faults = file.diagnostics.filter(({ severity }) => severity === 'emerg')
  for (const fault of faults) err(formatDiagnostic(fault))
  if (faults.length > 0) return exitCodes.refused
  const request = { method: 'GET', path: '/v2/config' }
  const running = await client.ask(request)
  if (faultOf(running) !== undefined) return ask(context, request)
  const names = { before: 'running configuration', after: options.file! }
  const before = configurationFromText(running.body, names.before)
  out(unifiedDiff(print(plain(before.main)), print(plain(file.main)), names))
  return exitCodes.done
}

/** Without comments, and laid out as the engine does it: neither is a change. */
function plain(node: Directive): Directive {
  const block = node.block && blockOf([...directives(node.block)].map(plain))
  return { ...node, block, source: undefined }
}

function token(context: CommandContext): Promise<number> {
  const { words, options } = context
  const [verb, ...rest] = words
  switch (verb) {
    case 'list':
      expectWords(rest, 0)
      return ask(context, { method: 'GET', path: '/v2/tokens' }, formatTokens)
    case 'create': {
      const [name, scope, ...more] = rest
      expectWords(more, 0)
      if (name === undefined || scope === undefined)
        throw new UsageError('NAME and SCOPE are needed')
      const { paths, methods, expires } = options
      const wanted = {
        name,
        scope,
        paths,
        methods,
        ...(expires !== undefined && { expires_in: expires }),
      }
      const request = { method: 'POST', path: '/v2/tokens', body: JSON.stringify(wanted) }
      return ask(context, request, (value) => (value as { readonly token: string }).token)
    }
    case 'revoke': {
      const [id, ...more] = rest
      expectWords(more, 0)
      if (id === undefined)
        throw new UsageError('the ID of a token is needed; "token list" shows them')
      return ask(context, { method: 'DELETE', path: `/v2/tokens/${encodeURIComponent(id)}` })
    }
    default:
      throw new UsageError('list, create or revoke is what can be done with tokens')
  }
}

function content({ file }: CtlOptions): string {
  if (file === undefined) throw new UsageError('-f FILE is needed')
  return readNamed(file)
}

function matching({ ifMatch }: CtlOptions): Readonly<Record<string, string>> {
  return ifMatch === undefined ? {} : { 'if-match': ifMatch }
}

function withDryRun(path: string, { dryRun }: CtlOptions): string {
  return dryRun ? `${path}?dry_run=1` : path
}

function expectWords(words: readonly string[], max: number): void {
  if (words.length > max) throw new UsageError(`"${words[max]}" is one word too many`)
}
