/**
 * Builds the tree from the text of one file. Iterative: the depth of the blocks costs no stack.
 *
 * A directive that is broken is left out, a block with all it holds, and reading goes on, so that one run
 * names every fault. The first diagnostic is the one that nginx stops at.
 */
import { blockOf } from './block.ts'
import type { Diagnostic } from './diagnostics.ts'
import { Lexer, type Statement } from './lexer.ts'
import { blockDepthMax, diagnosticsMax, fileCharsMax } from './limits.ts'
import { scriptRule } from './script-block.ts'
import { type Stepwise, toEnd } from './stepwise.ts'
import { commandLine, type Directive, type Position } from './tree.ts'

export interface ParsedText {
  /** The root; `include` directives stand in it as they were written. */
  readonly main: Directive
  readonly diagnostics: readonly Diagnostic[]
}

/** A block whose "}" is still to come; `head` is `undefined` for the file itself. */
interface OpenBlock {
  readonly head: Statement | undefined
  readonly children: Directive[]
}

/** Parses a whole file, or any text made of directives. */
export function parse(text: string, file: string): ParsedText {
  return toEnd(parsing(text, file))
}

/** The same in steps. */
export function parsing(text: string, file: string): Stepwise<ParsedText> {
  return new Parser(text, file).run()
}

/** Parses the argument of `-g`: simple directives only, all of them closed by ";". */
export function parseParameter(text: string): ParsedText {
  return toEnd(new Parser(text, commandLine).run())
}

class Parser {
  readonly #file: string
  readonly #lexer: Lexer
  readonly #diagnostics: Diagnostic[] = []
  readonly #open: OpenBlock[] = [{ head: undefined, children: [] }]
  #finished = false
  #tail = ''

  constructor(text: string, file: string) {
    this.#file = file
    this.#lexer = new Lexer(text, {
      file,
      report: (message, at) => this.#report(message, at),
      ...(file === commandLine && { unfinished: 'unexpected end of parameter, expecting ";"' }),
    })
    if (text.length > fileCharsMax) this.#stop(`file is longer than ${fileCharsMax} characters`)
    if (text.includes('\uFFFD')) this.#warnEncoding()
  }

  *run(): Stepwise<ParsedText> {
    while (!this.#finished) {
      this.#take(this.#lexer.next())
      yield
    }
    while (this.#open.length > 1) this.#close('')
    return { main: this.#root(), diagnostics: Object.freeze(this.#diagnostics) }
  }

  #take(statement: Statement): void {
    switch (statement.ending) {
      case ';':
        if (!statement.broken)
          this.#add(statement, { block: undefined, script: undefined, tail: '' })
        return
      case '{':
        this.#openBlock(statement)
        return
      case '}':
        if (this.#open.length > 1) this.#close(statement.lead)
        else this.#report('unexpected "}"', statement.at)
        return
      case 'end':
        this.#end(statement)
        return
      case 'stop':
        this.#finished = true
    }
  }

  #openBlock(statement: Statement): void {
    const at = this.#lexer.here()
    if (this.#file === commandLine) {
      this.#stop('block directives are not supported in -g option', at)
      return
    }
    if (this.#open.length > blockDepthMax) {
      this.#stop(`blocks are nested deeper than ${blockDepthMax}`, at)
      return
    }
    const rule = scriptRule(statement.words[0] ?? '')
    if (rule === undefined) {
      this.#open.push({ head: statement, children: [] })
      return
    }
    const script = this.#lexer.script(rule)
    if (script === undefined) this.#stop('unexpected end of file, expecting "}"')
    else if (!statement.broken) this.#add(statement, { block: undefined, script, tail: '' })
  }

  #close(tail: string): void {
    const { head, children } = this.#open.pop()!
    if (head === undefined || head.broken) return
    this.#add(head, { block: blockOf(children), script: undefined, tail })
  }

  #end(statement: Statement): void {
    this.#finished = true
    this.#tail = statement.lead
    if (statement.words.length === 0 && this.#open.length > 1) {
      this.#report('unexpected end of file, expecting "}"', this.#lexer.here())
    }
  }

  #root(): Directive {
    return Object.freeze({
      kind: 'directive',
      name: 'main',
      args: Object.freeze([]),
      block: blockOf(this.#open[0]!.children),
      script: undefined,
      at: Object.freeze({ file: this.#file, line: 1, column: 1 }),
      source: Object.freeze({ lead: '', text: '', tail: this.#tail, beside: '' }),
    })
  }

  #add(statement: Statement, body: Body): void {
    const child = node(statement, body, this.#lexer.beside())
    this.#open.at(-1)!.children.push(child)
  }

  #report(message: string, at: Position): void {
    this.#diagnostics.push(Object.freeze({ severity: 'emerg', message, at }))
    if (this.#diagnostics.length >= diagnosticsMax) this.#finished = true
  }

  #stop(message: string, at: Position = this.#lexer.here()): void {
    this.#report(message, at)
    this.#finished = true
  }

  #warnEncoding(): void {
    const message = 'file is not valid UTF-8, or holds replacement characters'
    const at = Object.freeze({ file: this.#file, line: 1, column: 1 })
    this.#diagnostics.push(Object.freeze({ severity: 'warn', message, at }))
  }
}

type Body = Pick<Directive, 'block' | 'script'> & { readonly tail: string }

function node({ words, lead, text, at }: Statement, body: Body, beside: string): Directive {
  return Object.freeze({
    kind: 'directive',
    name: words[0]!,
    args: words.length === 1 ? noArgs : Object.freeze(words.slice(1)),
    block: body.block,
    script: body.script,
    at,
    source: Object.freeze({ lead, text, tail: body.tail, beside }),
  })
}

const noArgs: readonly string[] = Object.freeze([])
