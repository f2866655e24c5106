/**
 * A page without a browser: as much of a document as the page to try the interface uses, and its script run
 * over it. What the page asks for goes to a function of the test.
 */
import { createContext, runInContext } from 'node:vm'

export class PageElement {
  readonly tag: string
  readonly children: PageElement[] = []
  textContent: string = ''
  value: string = ''
  readonly #listeners = new Map<string, () => unknown>()

  constructor(tag: string) {
    this.tag = tag
  }

  append(...children: readonly PageElement[]): void {
    this.children.push(...children)
  }

  replaceChildren(...children: readonly PageElement[]): void {
    this.children.splice(0, Infinity, ...children)
  }

  addEventListener(name: string, listener: () => unknown): void {
    this.#listeners.set(name, listener)
  }

  /** Resolves when what the click has begun is done. */
  async click(): Promise<void> {
    await this.#listeners.get('click')?.()
  }

  /** All elements of a kind within this one, in their order. */
  all(tag: string): readonly PageElement[] {
    return this.children.flatMap((child) => [
      ...(child.tag === tag ? [child] : []),
      ...child.all(tag),
    ])
  }

  /** What can be read of it. */
  get text(): string {
    return [this.textContent, ...this.children.map(({ text }) => text)].join(' ')
  }
}

export interface Page {
  readonly operations: PageElement
  readonly token: PageElement
}

/** Runs the scripts of a page; resolves when the operations are there. */
export async function openPage(
  html: string,
  ask: (path: string, init: RequestInit) => Promise<Response>,
): Promise<Page> {
  const byId = new Map(['operations', 'token'].map((id) => [id, new PageElement(id)]))
  const asked: Promise<unknown>[] = []
  const fetch = (path: string, init: RequestInit = {}): Promise<Response> => {
    const answer = ask(path, init)
    asked.push(answer)
    return answer
  }
  const document = {
    createElement: (tag: string) => new PageElement(tag),
    getElementById: (id: string) => byId.get(id),
  }
  const world = { document, fetch, performance, URLSearchParams, TextDecoder }
  const context = createContext(world, { codeGeneration: { strings: false, wasm: false } })
  for (const [, script = ''] of html.matchAll(/<script>([^]*?)<\/script>/g)) {
    runInContext(script, context)
  }
  await Promise.all(asked)
  const operations = byId.get('operations')!
  // The answer is read and shown in a few turns more.
  for (let turn = 0; turn < 100 && operations.children.length === 0; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { operations, token: byId.get('token')! }
}
