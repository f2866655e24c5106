/**
 * The guide of stream dynamic virtual servers, request by request: its configuration files unchanged, in a
 * host of its own with the addresses and the iptables rules that the guide uses, and a second host as client.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { certificateFor } from '../support/certificates.ts'
import { parseAnswer } from '../support/http.ts'
import { makeNetnsPair, type Netns } from '../support/netns.ts'
import { run } from '../support/process.ts'
import { makeTempPrefix, type Files, type TempPrefix } from '../support/temp-prefix.ts'
import { startTrijet, type Trijet } from '../support/trijet.ts'
import { until } from '../support/wait.ts'

const host = '192.168.40.119'
const api = 'http://127.0.0.1:8081/api/v1/stream_srv'
const success = '{"code":0,"msg":"success."}'

interface Guide {
  readonly client: Netns
  readonly server: Netns
  readonly prefix: TempPrefix
  readonly conf: string
  readonly engine: Trijet
}

function conf(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8')
}

function files(): Files {
  const site = certificateFor('dev.test.com')
  const ecc = certificateFor(host, 'ecdsa')
  const rsa = certificateFor(host, 'rsa')
  return {
    'conf/ctrl.conf': conf('njet_ctrl.conf'),
    'conf/mqtt.conf': '',
    'conf/iot-work.conf': '',
    'conf/iot-ctrl.conf': '',
    'conf/mime.types': readFileSync(new URL('../../conf/mime.types', import.meta.url)),
    'html/index.html': 'the page\n',
    'conf/certs/rsa.dev.test.com.crt.pem': site.cert,
    'conf/certs/rsa.dev.test.com.key.pem': site.key,
    'conf/certs/ca/ECC/ecc-root_cert.pem': ecc.cert,
    'conf/certs/ca/ECC/ecc-root_private_key.pem': ecc.key,
    'conf/certs/ca/RSA/rsa.server.cer.pem': rsa.cert,
    'conf/certs/ca/RSA/rsa.server.key.pem': rsa.key,
  }
}

async function startGuide(t: TestContext, name: string): Promise<Guide> {
  const { client, server } = await makeNetnsPair(t)
  await server.exec('ip', 'addr', 'add', `${host}/24`, 'dev', 'veth0')
  await client.exec('ip', 'addr', 'add', '192.168.40.120/24', 'dev', 'veth0')
  await server.routeMarkedToLocal()
  const prefix = makeTempPrefix(t, files())
  const text = conf(name)
  const engine = await start(t, { prefix, conf: text, server })
  return { client, server, prefix, conf: text, engine }
}

function start(
  t: TestContext,
  { prefix, conf: text, server }: Pick<Guide, 'prefix' | 'conf' | 'server'>,
): Promise<Trijet> {
  return startTrijet(t, {
    prefix,
    conf: text,
    under: server.under,
    ports: [5555, 443, 22222, 22224, 8081],
  })
}

/** `iptables -t nat -A OUTPUT …` of the guide, for one port. */
async function redirect({ server }: Guide, from: number, to: number): Promise<void> {
  await server.iptables(
    `-t nat -A OUTPUT -d ${host} -p tcp -m tcp --dport ${from} -j DNAT --to-destination ${host}:${to}`,
  )
}

/** A request of the guide, as its curl line sends it. */
async function change(guide: Guide, method: 'POST' | 'PUT', body: string): Promise<void> {
  assert.equal(await ask(guide, method, body), success)
}

async function ask({ server }: Guide, method: 'POST' | 'PUT', body: string): Promise<string> {
  const output = await server.exec('curl', '-s', '-i', '-X', method, api, '-d', body)
  const answer = parseAnswer(Buffer.from(output))
  assert.equal(answer.status, 200, output)
  assert.equal(answer.header('content-type'), 'application/json')
  assert.equal(answer.header('content-length'), String(answer.body.length))
  return answer.body.toString()
}

async function curl({ server }: Guide, url: string): Promise<string> {
  const { stdout } = await server.run(['curl', '-s', '--http0.9', '-k', '--max-time', '5', url])
  return stdout
}

/** `nc -u` of the guide, from the other host. */
async function netcat({ client }: Guide, port: number): Promise<string> {
  const command = ['nc', '-u', '-w', '1', host, String(port)] as const
  const { stdout } = await run([...client.under, ...command], { input: 'hello\n' })
  return stdout
}

const tcp = `{
"type": "add",
"addr_port": "0.0.0.0:22222",
"server_name": "server-17082",
"server_body": "return \\"17082 ok\\";"
}`

const udp = `{
"type": "add",
"addr_port": "0.0.0.0:22223 udp",
"server_name": "server-18082",
"server_body": "return \\"18082 ok\\";"
}`

const newPort = `{
"type": "add",
"addr_port": "0.0.0.0:23333",
"server_name": "server-23333",
"server_body": "return \\"23333 ok\\";"
}`

const tls = `{
"type": "add",
"addr_port": "0.0.0.0:22224",
"server_name": "server-19082",
"server_body": "ssl_certificate certs/ca/RSA/rsa.server.cer.pem;ssl_certificate_key certs/ca/RSA/rsa.server.key.pem;return \\"ssl ok\\";"
}`

/** Examples 5.1, 5.2, 5.3 and 5.6. */
async function addAll(guide: Guide): Promise<void> {
  await change(guide, 'POST', tcp)
  await change(guide, 'POST', udp)
  await change(guide, 'POST', newPort)
  await change(guide, 'POST', tls)
  await redirect(guide, 17082, 22222)
  await redirect(guide, 19082, 22224)
  await guide.server.iptables(
    `-t mangle -A PREROUTING -p udp -d ${host} --dport 18082 -j TPROXY --tproxy-mark 0x1/0x1 --on-port 22223`,
  )
}

async function replies(guide: Guide): Promise<readonly string[]> {
  return [
    await curl(guide, `http://${host}:17082/`),
    await netcat(guide, 18082),
    await curl(guide, `http://${host}:23333/`),
    await curl(guide, `https://${host}:19082/`),
  ]
}

const allThere = ['17082 ok', '18082 ok', '23333 ok', 'ssl ok']

async function waitForReplies(guide: Guide, what: string): Promise<void> {
  await until(async () => (await replies(guide)).join() === allThere.join(), {
    what: `all dynamic servers ${what}`,
    deadlineMs: 40_000,
  })
}

test('the requests of the guide give its replies', { timeout: 120_000 }, async (t) => {
  const guide = await startGuide(t, 'njet.conf')
  // The guide's alias has no slash at its end: nginx, too, finds no index there.
  const unknown = await curl(guide, `http://${host}:22222/`)
  assert.match(unknown, /403 Forbidden/, 'without a name the default server proxies')
  assert.equal(await netcat(guide, 22223), '22223 udp ok')
  assert.equal(await curl(guide, `https://${host}:22224/`), '22224 ssl ok')

  await addAll(guide)
  assert.deepEqual(await replies(guide), allThere)

  // 5.4
  const del = '{\n"type": "del",\n"addr_port": "0.0.0.0:22222",\n"server_name": "server-17082"\n}'
  await change(guide, 'PUT', del)
  assert.match(await curl(guide, `http://${host}:17082/`), /403 Forbidden/)
  assert.equal(
    await ask(guide, 'PUT', del),
    '{"code":4,"msg":"error:host[0.0.0.0:22222],no find server [server-17082]!"}',
  )
  // 5.5 names a pair that was never added; the right name follows.
  const wrong = '{"type":"del","addr_port":"0.0.0.0:22223 udp","server_name":"server-17082"}'
  assert.equal(
    await ask(guide, 'PUT', wrong),
    '{"code":4,"msg":"error:host[0.0.0.0:22223 udp],no find server [server-17082]!"}',
  )
  await change(guide, 'PUT', wrong.replace('server-17082', 'server-18082'))
  assert.equal(await netcat(guide, 18082), '22223 udp ok')
  // The port that was opened for a server goes with it.
  await change(
    guide,
    'PUT',
    '{"type":"del","addr_port":"0.0.0.0:23333","server_name":"server-23333"}',
  )
  const closed = await guide.server.run(['curl', '-s', `http://${host}:23333/`])
  assert.equal(closed.code, 7, 'connection refused')
})

test('5.7: the dynamic server has the only certificate', { timeout: 120_000 }, async (t) => {
  const guide = await startGuide(t, 'njet-reject-handshake.conf')
  await redirect(guide, 19082, 22224)
  const refused = await guide.server.run(['curl', '-sk', `https://${host}:22224/`])
  assert.equal(refused.code, 35, 'the handshake is refused')
  await change(guide, 'POST', tls)
  assert.equal(await curl(guide, `https://${host}:19082/`), 'ssl ok')
})

test(
  'dynamic servers outlive reload, restart and the death of any process',
  { timeout: 300_000 },
  async (t) => {
    const guide = await startGuide(t, 'njet.conf')
    await addAll(guide)
    await guide.engine.reload()
    assert.deepEqual(await replies(guide), allThere)

    await guide.engine.stop()
    let engine = await start(t, guide)
    await waitForReplies(guide, 'after stop and start')

    for (const kind of ['worker process', 'ctrl', 'mqtt']) {
      const [victim] = engine.children(kind)
      assert.ok(victim !== undefined, `${kind} is there: ${JSON.stringify(engine.processes())}`)
      process.kill(victim.pid, 'SIGKILL')
      await until(() => engine.children(kind).some(({ pid }) => pid !== victim.pid), {
        what: `another ${kind}`,
      })
      await waitForReplies(guide, `after the death of ${kind}`)
      // Control works again too.
      await until(async () => (await guide.server.run(['curl', '-sf', api])).code === 0, {
        what: 'control',
      })
    }

    process.kill(engine.pid, 'SIGKILL')
    await engine.process.exited
    await until(() => engine.processes().length === 0, {
      what: 'the children of a dead master to end',
    })
    engine = await start(t, guide)
    await waitForReplies(guide, 'after the death of the master')
  },
)
