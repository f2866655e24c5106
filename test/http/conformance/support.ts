/** The server that the rules are put to: files, a text, and a handler that gives back what it read. */
import { certificateFor } from '../../support/certificates.ts'
import { freePorts } from '../../support/ports.ts'
import type { Owner } from '../../support/scope.ts'
import { makeTempPrefix } from '../../support/temp-prefix.ts'
import type { Place } from '../dialogue.ts'
import { startHttp } from '../support.ts'

/** JSON of what reached the handler. */
const echoHandler = `export default async (request: Request): Promise<Response> => {
  const { pathname, search } = new URL(request.url)
  const fields = Object.fromEntries(request.headers)
  const body = await request.text()
  return Response.json({ method: request.method, target: pathname + search, fields, body })
}`

export interface Server {
  readonly port: number
  /** The same server over each carrier. */
  readonly places: Readonly<Record<'plain' | 'tls' | 'unix', Place>>
}

export async function startServer(owner: Owner): Promise<Server> {
  const [port, tlsPort] = (await freePorts(2)) as [number, number]
  const { certFile, keyFile } = certificateFor('a.test')
  const prefix = makeTempPrefix(owner)
  const path = prefix.file('rules.sock')
  const conf = `access_log off;
    server {
      listen 127.0.0.1:${port};
      listen 127.0.0.1:${tlsPort} ssl;
      listen unix:${path};
      ssl_certificate ${certFile};
      ssl_certificate_key ${keyFile};
      server_name a.test;
      client_max_body_size 1m;
      root site;
      location /echo { handler echo.ts; }
      location /text { return 200 "text"; }
      location /moved { return 301 /text; }
      location /empty { return 204; }
    }`
  const files = { 'echo.ts': echoHandler, 'site/file.txt': '0123456789', 'site/none.txt': '' }
  await startHttp(owner, conf, files)
  return { port, places: { plain: port, tls: { tls: tlsPort }, unix: { path } } }
}
