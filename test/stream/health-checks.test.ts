/** Active checks of groups in streams: TCP and UDP, with what `match` blocks want to hear. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sayName, startTcpBackend, startUdpBackend } from '../support/echo-servers.ts'
import { freePort } from '../support/ports.ts'
import type { Owner } from '../support/scope.ts'
import { connectTcp } from '../support/tcp.ts'
import { startTrijet } from '../support/trijet.ts'
import { openUdp } from '../support/udp.ts'
import { until } from '../support/wait.ts'

const host = '127.0.0.1'

function confOf(port: number, blocks: string, listen = ''): string {
  return `
worker_processes 2;
error_log logs/error.log notice;
pid logs/trijet.pid;
events {}
stream {
  ${blocks}
  server { listen ${port} ${listen}; proxy_pass backend; proxy_next_upstream off; proxy_timeout 5s; }
}
`
}

async function nameFrom(owner: Owner, port: number): Promise<string> {
  const client = await connectTcp(owner, { host, port })
  try {
    return (await client.readAll()).toString()
  } finally {
    client.close()
  }
}

test('clients get no peer that does not answer its checks, and get it back', async (t) => {
  const port = await freePort()
  const lost = await freePort()
  const well = await startTcpBackend(t, sayName('well'))
  const servers = `server ${well.address} max_fails=0; server ${host}:${lost} max_fails=0;`
  const check = 'health_check interval=100ms mandatory;'
  const conf = confOf(port, `upstream backend { zone b 64k; ${servers} ${check} }`)
  const engine = await startTrijet(t, { conf })
  await engine.waitForLog(/peer is unhealthy: connect\(\) failed \(111: Connection refused\)/)
  await engine.waitForLog(/peer is healthy/)
  for (let i = 0; i < 20; i += 1) assert.equal(await nameFrom(t, port), 'well')
  await startTcpBackend(t, sayName('found'), { port: lost })
  await until(async () => (await nameFrom(t, port)) === 'found', { what: 'the second peer' })
})

test('a dialogue says whether a peer is well', async (t) => {
  const port = await freePort()
  let role = 'master'
  const backend = await startTcpBackend(t, (socket) => {
    socket.on('data', (data: Buffer) => {
      if (data.toString() === 'ROLE\r\n') socket.end(`*1\r\n$6\r\n${role}\r\n`)
      else socket.end('served')
    })
  })
  const match = 'match leader { send "ROLE\\r\\n"; expect ~ master; }'
  const check = 'health_check interval=100ms fails=2 match=leader;'
  const group = `upstream backend { zone b 64k; server ${backend.address} max_fails=0; ${check} }`
  const engine = await startTrijet(t, { conf: confOf(port, `${match} ${group}`) })
  const ask = async (): Promise<string> => {
    const client = await connectTcp(t, { host, port })
    await client.send('x')
    return (await client.readAll()).toString()
  }
  assert.equal(await ask(), 'served')
  role = 'slave'
  await engine.waitForLog(/peer is unhealthy: connection closed before the expected answer/)
  assert.equal(await nameFrom(t, port), '')
  role = 'master'
  await engine.waitForLog(/peer is healthy/)
  assert.equal(await ask(), 'served')
})

test('a peer of UDP that refuses datagrams gets none of clients', async (t) => {
  const port = await freePort()
  const lost = await freePort()
  const well = await startUdpBackend(t, (bytes) => `well ${bytes.toString()}`)
  const servers = `server ${well.address} max_fails=0; server ${host}:${lost} max_fails=0;`
  const check = 'health_check udp interval=100ms timeout=300ms;'
  const conf = confOf(port, `upstream backend { zone b 64k; ${servers} ${check} }`, 'udp reuseport')
  const engine = await startTrijet(t, { conf, ports: [] })
  await engine.waitForLog(/peer is unhealthy: .*111: Connection refused.*health check "udp"/)
  for (let i = 0; i < 10; i += 1) {
    const client = await openUdp(t, { host, port })
    await client.send(`${i}`)
    assert.equal((await client.receive()).bytes.toString(), `well ${i}`)
    client.close()
  }
})
