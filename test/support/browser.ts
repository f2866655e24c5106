/**
 * A browser without a window, driven by the DevTools protocol over a WebSocket.
 *
 * It resolves no name: what is not at an address of this machine is not reached.
 */
import { once } from 'node:events'
import { startProcess } from './process.ts'
import { onEnd, type Owner } from './scope.ts'
import { makeTempPrefix } from './temp-prefix.ts'
import { within } from './wait.ts'

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: unknown
  readonly error?: { readonly message: string }
}

const flags = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--no-first-run',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
  '--remote-debugging-port=0',
]

/** A first start on a machine that does other things as well. */
const startDeadlineMs = 60_000

export class BrowserPage {
  /** Every address that the page asked for, in order. */
  readonly requested: string[] = []
  /** Errors of its scripts, and what the browser refused to do for it. */
  readonly complaints: string[] = []
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  #session: string | undefined
  #number = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => this.#onMessage(JSON.parse(String(data))))
  }

  /** Starts a browser with an empty page. */
  static async open(owner: Owner): Promise<BrowserPage> {
    const home = makeTempPrefix(owner)
    const command = ['chromium', ...flags, `--user-data-dir=${home.path}`, 'about:blank'] as const
    const browser = await startProcess(owner, [...command], { env: { HOME: home.path } })
    const options = { stream: 'stderr', deadlineMs: startDeadlineMs } as const
    const [, address = ''] = await browser.waitForOutput(/listening on (ws:\S+)/, options)
    const socket = new WebSocket(address)
    onEnd(owner, () => socket.close())
    await once(socket, 'open')
    const page = new BrowserPage(socket)
    await page.#attach()
    return page
  }

  async goTo(url: string): Promise<void> {
    await this.#send('Page.navigate', { url })
  }

  /** The value of an expression in the page; of a promise what it comes to. Fails as the page does. */
  async evaluate<T>(expression: string): Promise<T> {
    const options = { expression, awaitPromise: true, returnByValue: true }
    const { result, exceptionDetails: fault } = (await this.#send('Runtime.evaluate', options)) as {
      readonly result: { readonly value: T }
      readonly exceptionDetails?: { readonly text: string }
    }
    if (fault !== undefined) throw new Error(`${fault.text} in ${expression}`)
    return result.value
  }

  async #attach(): Promise<void> {
    const { targetId } = (await this.#send('Target.createTarget', { url: 'about:blank' })) as {
      readonly targetId: string
    }
    const options = { targetId, flatten: true }
    const { sessionId } = (await this.#send('Target.attachToTarget', options)) as {
      readonly sessionId: string
    }
    this.#session = sessionId
    for (const domain of ['Network', 'Runtime', 'Log', 'Page']) await this.#send(`${domain}.enable`)
  }

  async #send(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#number
    const answer = Promise.withResolvers<unknown>()
    this.#waiting.set(id, answer)
    this.#socket.send(JSON.stringify({ id, method, params, sessionId: this.#session }))
    return within(answer.promise, { what: `the browser's answer to ${method}` })
  }

  #onMessage({ id, method, params = {}, result, error }: Message): void {
    if (id !== undefined) {
      const answer = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error === undefined) answer?.resolve(result)
      else answer?.reject(new Error(error.message))
      return
    }
    if (method === 'Network.requestWillBeSent') {
      this.requested.push((params as { readonly request: { readonly url: string } }).request.url)
    }
    const isFault = method === 'Runtime.exceptionThrown' || isComplaint(method, params)
    if (isFault) this.complaints.push(JSON.stringify(params))
  }
}

/** Advice on how a page might be better is none. */
function isComplaint(method: string | undefined, params: Message['params']): boolean {
  if (method !== 'Log.entryAdded') return false
  const { level } = (params as { readonly entry: { readonly level: string } }).entry
  return level === 'error' || level === 'warning'
}
