/**
 * Reads a configuration with all its files: the expanded tree, and each file as it was written.
 *
 * In the expanded tree the directives of an included file stand in place of the `include`. A file that is
 * included again gives fresh nodes each time: one node never stands in two places of a tree, because what
 * the engine remembers about a block it remembers by the node.
 */
import { type Block, blockOf, directives, emptyBlock } from './block.ts'
import type { Diagnostic } from './diagnostics.ts'
import { createMemoryReader, FileError, type FileReader } from './file-reader.ts'
import { isGlob } from './glob.ts'
import { blockDepthMax, diagnosticsMax, includedDirectivesMax, includeDepthMax } from './limits.ts'
import { parse, type ParsedText, parsing } from './parser.ts'
import type { Stepwise } from './stepwise.ts'
import { type Directive, type Position, reportedAt, withBlock } from './tree.ts'

export interface ConfigurationFile {
  readonly text: string
  /** The tree of this file alone, with its `include` directives. */
  readonly main: Directive
  /** The `include` that brought it in first; `undefined` for the main file. */
  readonly includedAt: Position | undefined
}

export interface Configuration {
  /** The expanded tree. */
  readonly main: Directive
  /** By path, in the order in which they were first read. */
  readonly files: ReadonlyMap<string, ConfigurationFile>
  /** In the order in which nginx would come upon them. */
  readonly diagnostics: readonly Diagnostic[]
}

/** Reads a configuration from its main file. Never throws for what it finds there. */
export function loadConfiguration(
  entry: string,
  reader: FileReader,
  includedMax: number = includedDirectivesMax,
): Configuration {
  return new Loader(entry, reader, includedMax).load()
}

/** The same in steps, of texts that are all there; paths are whole ones. */
export function* loadingConfiguration(
  entry: string,
  texts: Readonly<Record<string, string>>,
): Stepwise<Configuration> {
  const parsed = new Map<string, ParsedText>()
  for (const [path, text] of Object.entries(texts)) parsed.set(path, yield* parsing(text, path))
  const reader = createMemoryReader(texts)
  return new Loader(entry, reader, includedDirectivesMax, parsed).load()
}

/**
 * Reads a fragment, such as the body of a server that came by the API; `name` stands for the file in
 * positions. Without a reader, `include` is refused.
 */
export function configurationFromText(
  text: string,
  name: string,
  reader?: FileReader,
): Configuration {
  return new Loader(name, reader, includedDirectivesMax).loadText(text)
}

/** The texts from which `createMemoryReader` reads the same configuration again. */
export function fileTexts({ files }: Configuration): Readonly<Record<string, string>> {
  return Object.fromEntries([...files].map(([path, { text }]) => [path, text]))
}

/** One file while it is expanded. */
interface Visit {
  /** Its own diagnostics; each comes up when the walk has reached its place. */
  readonly pending: Diagnostic[]
  /** True when the file was expanded before, so that its nodes are taken as copies. */
  readonly copy: boolean
}

class Loader {
  readonly #entry: string
  /** nginx takes relative paths from the folder of the main file, wherever the `include` stands. */
  readonly #folder: string
  readonly #reader: FileReader | undefined
  /** What was parsed before, by path. */
  readonly #parsed: ReadonlyMap<string, ParsedText>
  readonly #files = new Map<string, ConfigurationFile>()
  readonly #faults = new Map<string, readonly Diagnostic[]>()
  readonly #expanded = new Set<string>()
  readonly #diagnostics: Diagnostic[] = []
  /** The files that are being expanded. */
  readonly #open = new Set<string>()
  #blockDepth = 0
  /** Directives that includes may still bring in, themselves counted. */
  #budget: number
  /** True once that was reported; no include is followed any more. */
  #isSpent = false

  constructor(
    entry: string,
    reader: FileReader | undefined,
    includedMax: number,
    parsed: ReadonlyMap<string, ParsedText> = new Map(),
  ) {
    this.#parsed = parsed
    this.#budget = includedMax
    this.#entry = entry
    this.#folder = entry.slice(0, entry.lastIndexOf('/') + 1)
    this.#reader = reader
  }

  load(): Configuration {
    const text = this.#read(this.#entry, undefined) ?? ''
    return this.loadText(text)
  }

  loadText(text: string): Configuration {
    const { main } = this.#parse(this.#entry, text, undefined)
    const block = this.#expandFile(this.#entry, main.block!)
    return {
      main: block === main.block ? main : withBlock(main, block),
      files: this.#files,
      diagnostics: Object.freeze(this.#diagnostics),
    }
  }

  #expandFile(path: string, block: Block): Block {
    const copy = this.#expanded.has(path)
    const visit = { pending: copy ? [] : [...this.#faults.get(path)!], copy }
    this.#expanded.add(path)
    this.#open.add(path)
    const expanded = this.#expandBlock(block, visit)
    this.#open.delete(path)
    for (const fault of visit.pending) this.#add(fault)
    return expanded
  }

  #expandBlock(block: Block, visit: Visit): Block {
    const nodes: Directive[] = []
    let changed = false
    for (const node of directives(block)) {
      if (node.name === 'include') {
        changed = true
        this.#flush(visit, node)
        this.#include(node, nodes)
        continue
      }
      const own = this.#expandNode(node, visit)
      changed ||= own !== node
      nodes.push(own)
    }
    return changed ? blockOf(nodes) : block
  }

  #expandNode(node: Directive, visit: Visit): Directive {
    if (this.#open.size > 1) this.#budget--
    const block = node.block && this.#expandWithin(node, node.block, visit)
    if (block !== node.block) return withBlock(node, block!)
    return visit.copy ? Object.freeze({ ...node }) : node
  }

  #expandWithin(node: Directive, block: Block, visit: Visit): Block {
    if (this.#blockDepth === blockDepthMax) {
      this.#fail(`blocks are nested deeper than ${blockDepthMax}`, node)
      return emptyBlock
    }
    this.#blockDepth++
    const expanded = this.#expandBlock(block, visit)
    this.#blockDepth--
    return expanded
  }

  #include(node: Directive, into: Directive[]): void {
    if (this.#isSpent) return
    const fault = this.#includeFault(node)
    if (fault !== undefined) {
      this.#fail(fault, node)
      return
    }
    if (--this.#budget < 0) {
      this.#isSpent = true
      this.#fail('too many directives are included', node)
      return
    }
    const pattern = node.args[0]!
    const path = pattern.startsWith('/') ? pattern : this.#folder + pattern
    const paths = isGlob(path) ? this.#reader!.glob(path) : [path]
    for (const one of paths) {
      const main = this.#fileAt(one, node)
      if (main === undefined) continue
      for (const child of directives(this.#expandFile(one, main.block!))) into.push(child)
    }
  }

  #includeFault({ block, args }: Directive): string | undefined {
    if (block !== undefined) return 'directive "include" is not terminated by ";"'
    if (args.length !== 1) return 'invalid number of arguments in "include" directive'
    if (this.#reader === undefined) return '"include" directive is not allowed here'
    return this.#open.size > includeDepthMax
      ? `files include one another deeper than ${includeDepthMax}`
      : undefined
  }

  #fileAt(path: string, node: Directive): Directive | undefined {
    if (this.#open.has(path)) {
      this.#fail(`"${path}" includes itself`, node)
      return undefined
    }
    const known = this.#files.get(path)
    if (known !== undefined) return known.main
    const text = this.#read(path, node)
    return text === undefined ? undefined : this.#parse(path, text, node.at).main
  }

  #parse(path: string, text: string, includedAt: Position | undefined): ConfigurationFile {
    const { main, diagnostics } = this.#parsed.get(path) ?? parse(text, path)
    const file = Object.freeze({ text, main, includedAt })
    this.#files.set(path, file)
    this.#faults.set(path, diagnostics)
    return file
  }

  #read(path: string, node: Directive | undefined): string | undefined {
    try {
      return this.#reader!.read(path)
    } catch (error) {
      if (!(error instanceof FileError)) throw error
      this.#fail(error.message, node)
      return undefined
    }
  }

  /** Lets the diagnostics before `node` come up. */
  #flush({ pending }: Visit, node: Directive): void {
    while (pending.length > 0 && isBefore(pending[0]!.at, node.at)) this.#add(pending.shift()!)
  }

  #fail(message: string, node: Directive | undefined): void {
    this.#add(Object.freeze({ severity: 'emerg', message, at: node && reportedAt(node) }))
  }

  #add(diagnostic: Diagnostic): void {
    if (this.#diagnostics.length < diagnosticsMax) this.#diagnostics.push(diagnostic)
  }
}

function isBefore(a: Position | undefined, b: Position | undefined): boolean {
  if (a === undefined || b === undefined) return true
  return a.line < b.line || (a.line === b.line && a.column < b.column)
}
