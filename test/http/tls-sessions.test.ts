/** Sessions that clients resume: by tickets, from caches, with keys of files; and requests in early data. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, suite, test } from 'node:test'
import { certificateFor } from '../support/certificates.ts'
import { freePorts } from '../support/ports.ts'
import { run } from '../support/process.ts'
import { Scope } from '../support/scope.ts'
import { makeTempPrefix } from '../support/temp-prefix.ts'
import { startHttp } from './support.ts'

const scope = new Scope()
const site = certificateFor('site.test')
const folder = makeTempPrefix(scope)
const keys = [randomBytes(80), randomBytes(48), randomBytes(80)]
const ports = await freePorts(8)
const [tickets, nothing, shared, builtin, off, oldKey, newKey, early] = ports as [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
]

function server(port: number, directives: string): string {
  return `server { listen 127.0.0.1:${port} ssl; ${directives}
    location / { return 200 "reused=$ssl_session_reused early=$ssl_early_data id=$ssl_session_id;"; } }`
}

before(async () => {
  await startHttp(
    scope,
    `access_log off; ssl_certificate site.crt; ssl_certificate_key site.key;
    ${server(tickets, '')}
    ${server(nothing, 'ssl_session_tickets off;')}
    ${server(shared, 'ssl_session_tickets off; ssl_session_cache shared:one:1m;')}
    ${server(builtin, 'ssl_session_tickets off; ssl_session_cache builtin:10;')}
    ${server(off, 'ssl_session_tickets off; ssl_session_cache off;')}
    ${server(oldKey, 'ssl_session_ticket_key one.key;')}
    ${server(newKey, 'ssl_session_ticket_key two.key; ssl_session_ticket_key one.key;')}
    ${server(early, 'ssl_early_data on;')}`,
    {
      'conf/site.crt': site.cert,
      'conf/site.key': site.key,
      'conf/one.key': keys[0]!,
      'conf/two.key': keys[1]!,
    },
  )
})
after(() => scope.close())

interface Attempt {
  readonly port: number
  readonly version: '-tls1_2' | '-tls1_3'
  readonly args?: readonly string[]
}

/** One request by openssl; what the server said of its session, and openssl of the handshake. */
async function ask({ port, version, args = [] }: Attempt): Promise<string> {
  const input = 'GET / HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n'
  const command = ['openssl', 's_client', '-connect', `127.0.0.1:${port}`, '-ign_eof', version]
  const { stdout, stderr } = await run([...command, ...args] as [string, ...string[]], { input })
  return stdout + stderr
}

async function resumes(port: number, version: Attempt['version']): Promise<boolean> {
  const file = folder.file(`session-${port}${version}`)
  const first = await ask({ port, version, args: ['-sess_out', file] })
  assert.match(first, /reused=\./)
  const second = await ask({ port, version, args: ['-sess_in', file] })
  return /reused=r/.test(second)
}

for (const version of ['-tls1_2', '-tls1_3'] as const) {
  suite(`sessions of ${version}`, () => {
    const cases: readonly (readonly [string, number, boolean])[] = [
      ['a ticket', tickets, true],
      ['neither tickets nor a cache', nothing, false],
      ['a cache that workers share', shared, true],
      ['a cache of the worker', builtin, true],
      ['a cache that is off', off, false],
      ['a ticket of a key in a file', oldKey, true],
    ]
    for (const [name, port, expected] of cases) {
      test(`${name}: ${expected ? 'resumed' : 'not resumed'}`, async () => {
        assert.equal(await resumes(port, version), expected)
      })
    }
  })
}

test('a shared cache tells the id of a session', async () => {
  assert.match(await ask({ port: shared, version: '-tls1_2' }), /id=[0-9a-f]{64};/)
})

suite('early data', () => {
  const request = folder.write('request', 'GET /early HTTP/1.1\r\nHost: site.test\r\n\r\n')

  test('a request in it is answered before the handshake is done', async () => {
    const file = folder.file('session-early')
    await ask({ port: early, version: '-tls1_3', args: ['-sess_out', file] })
    const args = ['-sess_in', file, '-early_data', request]
    const output = await ask({ port: early, version: '-tls1_3', args })
    assert.match(output, /Early data was accepted/)
    assert.match(output, /reused=r early=1/)
    // What follows on the connection came after the handshake.
    assert.match(output, /reused=r early= /)
  })

  test('where it is off it is not taken', async () => {
    const file = folder.file('session-late')
    await ask({ port: tickets, version: '-tls1_3', args: ['-sess_out', file] })
    const args = ['-sess_in', file, '-early_data', request]
    const output = await ask({ port: tickets, version: '-tls1_3', args })
    assert.doesNotMatch(output, /Early data was accepted/)
    assert.doesNotMatch(output, /early=1/)
  })
})

test('a ticket of the key before is opened, one of a key that is gone is not', async () => {
  const [first, second] = [folder.file('rotate-1'), folder.file('rotate-2')]
  const version = '-tls1_2'
  await ask({ port: oldKey, version, args: ['-sess_out', first] })
  assert.match(await ask({ port: newKey, version, args: ['-sess_in', first] }), /reused=r/)
  await ask({ port: newKey, version, args: ['-sess_out', second] })
  assert.match(await ask({ port: oldKey, version, args: ['-sess_in', second] }), /reused=\./)
})
