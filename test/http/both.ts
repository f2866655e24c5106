/** The same configuration and the same bytes for this engine and for nginx, and what differs in the answers. */
import { type Nginx, startNginx } from '../support/nginx.ts'
import { freePorts } from '../support/ports.ts'
import type { Owner } from '../support/scope.ts'
import { connectTcp } from '../support/tcp.ts'
import type { Files } from '../support/temp-prefix.ts'
import { type HttpRunner, startHttp } from './support.ts'

export interface Both {
  readonly ours: HttpRunner
  readonly nginx: Nginx
  readonly oursPort: number
  readonly nginxPort: number
}

/** Starts both on the body of an `http` block; `{port}` in it stands for the port of each. */
export async function startBoth(owner: Owner, http: string, files: Files = {}): Promise<Both> {
  const [oursPort, nginxPort] = (await freePorts(2)) as [number, number]
  const at = (port: number): string => http.replaceAll('{port}', `127.0.0.1:${port}`)
  const ours = await startHttp(owner, `access_log off;\n${at(oursPort)}`, files)
  // Workers as root, so that they may read the folder of the test.
  const main = process.getuid?.() === 0 ? 'user root;' : ''
  const nginx = await startNginx(owner, { main, http: `access_log off;\n${at(nginxPort)}`, files })
  return { ours, nginx, oursPort, nginxPort }
}

const answerDeadlineMs = 3000

/** Sends bytes and returns all that comes until the peer closes, or until `enough` says so. */
export async function talk(
  owner: Owner,
  port: number,
  bytes: string,
  enough: (answer: string) => boolean = () => false,
): Promise<string> {
  const client = await connectTcp(owner, { port, host: '127.0.0.1' })
  const deadline = setTimeout(() => client.close(), answerDeadlineMs)
  try {
    await client.send(Buffer.from(bytes, 'latin1'))
    while (client.ending === undefined && !enough(client.pending.toString('latin1'))) {
      await new Promise((resolve) => {
        for (const event of ['data', 'end', 'close', 'error']) client.socket.once(event, resolve)
      })
    }
    return client.pending.toString('latin1')
  } finally {
    clearTimeout(deadline)
    client.close()
  }
}

/** Status of the first answer; 0 where there is none. */
export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0)
}

export function hasStatus(answer: string): boolean {
  return answer.includes('\r\n')
}

/** What must be the same: all but the name of the product, the time, and the port that each has. */
export function comparable(answer: string, port: number): string {
  return answer
    .replaceAll(/(?:nginx|trijet)\/\d+\.\d+\.\d+/g, 'server')
    .replaceAll(/^Date: .*\r\n/gm, '')
    .replaceAll(new RegExp(`\\b${port}\\b`, 'g'), 'PORT')
}

/** Both answers to the same bytes, in comparable form; the connection must be closed by the request. */
export async function askBoth(
  owner: Owner,
  both: Both,
  bytes: string,
): Promise<{ readonly ours: string; readonly nginx: string }> {
  const at = (port: number): string => bytes.replaceAll('{port}', String(port))
  const [ours, nginx] = await Promise.all([
    talk(owner, both.oursPort, at(both.oursPort)),
    talk(owner, both.nginxPort, at(both.nginxPort)),
  ])
  return { ours: comparable(ours, both.oursPort), nginx: comparable(nginx, both.nginxPort) }
}

/** A request that ends its connection. */
export function request(target: string, fields = '', method = 'GET'): string {
  return `${method} ${target} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n${fields}\r\n`
}
