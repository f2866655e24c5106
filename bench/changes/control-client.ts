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
  change(method: 'POST' | 'PUT', path: string, instruction: object): Promise<void> {
    const body = JSON.stringify(instruction)
    const headers = { 'content-length': Buffer.byteLength(body) }
    const to = { agent: this.#agent, host: '127.0.0.1', port: this.#port, method, path, headers }
    return new Promise((resolve, reject) => {
      const asked = request(to, (response) => {
        let reply = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (reply += chunk))
        response.on('end', () => {
          if (reply === success) resolve()
          else reject(new Error(`${body} was answered ${response.statusCode} ${reply}`))
        })
      })
      asked.on('error', reject)
      asked.end(body)
    })
  }
}
