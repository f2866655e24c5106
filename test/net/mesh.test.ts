/** Original destinations, with real interception between two network namespaces. Needs root. */
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { test, type TestContext } from 'node:test'
import { makeNetnsPair, type Netns } from '../support/netns.ts'
import { startProcess } from '../support/process.ts'

const peerProgram = fileURLToPath(new URL('mesh-peer.ts', import.meta.url))
const skip = process.getuid?.() === 0 ? false : 'network namespaces need root'

async function pair(t: TestContext): Promise<{ client: Netns; server: Netns }> {
  const { client, server } = await makeNetnsPair(t)
  // Addresses beyond are reached through the other side, where they are intercepted.
  await client.exec('ip', 'route', 'add', 'default', 'via', server.address)
  await client.exec('ip', '-6', 'route', 'add', 'default', 'via', server.address6)
  await server.exec('sysctl', '-qw', 'net.ipv4.ip_forward=1')
  await server.exec('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0')
  return { client, server }
}

async function listen(t: TestContext, server: Netns, ...args: readonly string[]): Promise<void> {
  const peer = await startProcess(t, [...server.under, process.execPath, peerProgram, ...args])
  await peer.waitForOutput(/listening/)
}

/** What the peer says to a client that connects, or sends a datagram, to host and port. */
async function ask(client: Netns, protocol: 'tcp' | 'udp', host: string, port: number) {
  const flags = protocol === 'tcp' ? ['-N', '-w', '5'] : ['-u', '-W', '1', '-w', '5']
  const result = await client.run(['nc', ...flags, host, String(port)], { input: 'hi' })
  return result.stdout.trim()
}

test('TCP after DNAT, IPv4 and IPv6', { skip }, async (t) => {
  const { client, server } = await pair(t)
  await listen(t, server, 'tcp', '0.0.0.0', '15001', 'mesh')
  await listen(t, server, 'tcp', '::', '15006', 'mesh')
  const to4 = `${server.address}:15001`
  await server.iptables(`-t nat -A PREROUTING -p tcp --dport 17082 -j DNAT --to ${to4}`)
  const to6 = `[${server.address6}]:15006`
  await server.ip6tables(`-t nat -A PREROUTING -p tcp --dport 17082 -j DNAT --to ${to6}`)
  assert.equal(await ask(client, 'tcp', '198.51.100.7', 17082), '198.51.100.7:17082 true')
  assert.equal(await ask(client, 'tcp', '2001:db8::7', 17082), '[2001:db8::7]:17082 true')
})

test('TCP after REDIRECT, also of IPv4 clients of an IPv6 listener', { skip }, async (t) => {
  const { client, server } = await pair(t)
  await listen(t, server, 'tcp', '::', '15006', 'mesh')
  await server.iptables('-t nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 15006')
  await server.ip6tables('-t nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 15006')
  assert.equal(await ask(client, 'tcp', '198.51.100.7', 80), '198.51.100.7:80 true')
  assert.equal(await ask(client, 'tcp', '2001:db8::7', 80), '[2001:db8::7]:80 true')
})

test('TCP under TPROXY', { skip }, async (t) => {
  const { client, server } = await pair(t)
  await server.routeMarkedToLocal()
  await listen(t, server, 'tcp', '0.0.0.0', '15001', 'mesh')
  await server.iptables(
    '-t mangle -A PREROUTING -p tcp --dport 443 -j TPROXY --tproxy-mark 1 --on-port 15001',
  )
  assert.equal(await ask(client, 'tcp', '198.51.100.7', 443), '198.51.100.7:443 true')
})

test('a connection to the listener itself was not intercepted', { skip }, async (t) => {
  const { client, server } = await pair(t)
  await listen(t, server, 'tcp', '0.0.0.0', '15001', 'mesh')
  const own = `${server.address}:15001`
  assert.equal(await ask(client, 'tcp', server.address, 15001), `${own} false`)
  // With connection tracking at work the kernel answers the same question differently.
  await server.iptables('-t nat -A PREROUTING -p tcp --dport 9 -j REDIRECT --to-ports 15001')
  assert.equal(await ask(client, 'tcp', server.address, 15001), `${own} false`)
})

test('UDP under TPROXY is answered from where it was sent, both families', { skip }, async (t) => {
  const { client, server } = await pair(t)
  await server.routeMarkedToLocal()
  await listen(t, server, 'udp', '0.0.0.0', '22223', 'mesh')
  await listen(t, server, 'udp', '::', '22226', 'mesh')
  const rule = '-t mangle -A PREROUTING -p udp --dport 17083 -j TPROXY --tproxy-mark 1 --on-port'
  await server.iptables(`${rule} 22223`)
  await server.ip6tables(`${rule} 22226`)
  // nc takes answers from the asked address only, so an answer at all is the right one.
  assert.equal(await ask(client, 'udp', '198.51.100.7', 17083), '198.51.100.7:17083 got hi')
  assert.equal(await ask(client, 'udp', '2001:db8::7', 17083), '[2001:db8::7]:17083 got hi')
})

test(
  'UDP to the listener itself, and under TPROXY without a change of port',
  { skip },
  async (t) => {
    const { client, server } = await pair(t)
    await server.routeMarkedToLocal()
    await listen(t, server, 'udp', '0.0.0.0', '22223', 'mesh')
    assert.equal(await ask(client, 'udp', server.address, 22223), `${server.address}:22223 got hi`)
    await server.iptables(
      '-t mangle -A PREROUTING -p udp --dport 22223 -j TPROXY --tproxy-mark 1 --on-port 22223',
    )
    assert.equal(await ask(client, 'udp', '198.51.100.7', 22223), '198.51.100.7:22223 got hi')
  },
)
