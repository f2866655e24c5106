/** A client of the dynamic API on one connection that stays. */
import { Agent, request } from 'node:http'
import { onEnd, type Owner } from '../../test/support/scope.ts'

const success = '{"code":0,"msg":"success."}'

export class ControlClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #port: number

  constructor(owner: Owner, port: number) {
    this.#port = port
    onEnd(owner, () => this.#agent.destroy())
  }

  /** Resolves when the change is made. */
  async change(method: 'POST' | 'PUT', path: string, instruction: object): Promise<void> {
    const reply = await this.ask(method, path, instruction)
    if (reply !== success) throw new Error(`${JSON.stringify(instruction)} was answered ${reply}`)
  }

  /** Resolves with the answer of a request that succeeds. */
  ask(method: string, path: string, content?: unknown): Promise<string> {
    const body = content === undefined ? '' : JSON.stringify(content)
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    }
    const to = { agent: this.#agent, host: '127.0.0.1', port: this.#port, method, path, headers }
    return new Promise((resolve, reject) => {
      const asked = request(to, (response) => {
        let reply = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (reply += chunk))
        response.on('end', () => {
          if (response.statusCode! < 300) resolve(reply)
          else reject(new Error(`${path} ${body} was answered ${response.statusCode} ${reply}`))
        })
      })
      asked.on('error', reject)
      asked.end(body)
    })
  }
}
