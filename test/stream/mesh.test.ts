/** Intercepted traffic, for real: DNAT and TPROXY between two network namespaces. Needs root. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { certificateFor } from '../support/certificates.ts'
import { makeNetnsPair, type Netns } from '../support/netns.ts'
import { startTrijet } from '../support/trijet.ts'
import { until } from '../support/wait.ts'

const skip = process.getuid?.() === 0 ? false : 'needs root for network namespaces'
const certificate = certificateFor('mesh.test')

const conf = `
load_module modules/njt_stream_dyn_server_module.so;
load_module modules/njt_stream_proto_module.so;
worker_processes 2;
events { }
stream {
  log_format mesh '$protocol $njtmesh_dest $preread_proto $server_name';
  access_log logs/mesh.log mesh;
  map $njtmesh_port $mesh_server_name {
    17082 server-17082;
    18082 server-18082;
    19082 server-19082;
    default "";
  }
  server {
    listen 22222 mesh;
    listen [::]:22222 mesh;
    return "default $njtmesh_port";
  }
  server {
    listen 22222;
    server_name server-17082;
    return "17082 ok $njtmesh_ip $njtmesh_port";
  }
  server {
    listen 22223 udp mesh;
    return "22223 udp ok";
  }
  server {
    listen 22223 udp;
    server_name server-18082;
    return "18082 ok $njtmesh_dest";
  }
  server {
    listen 22224 ssl mesh;
    ssl_reject_handshake on;
    return "22224 ssl ok";
  }
  server {
    listen 22224 ssl;
    server_name server-19082;
    ssl_certificate ${certificate.certFile};
    ssl_certificate_key ${certificate.keyFile};
    return "ssl ok";
  }
  server {
    listen 22225 mesh;
    preread_proto on;
    return "proto=$preread_proto";
  }
}
`

async function ask(client: Netns, url: string): Promise<string> {
  const { stdout } = await client.run(['curl', '-sk', '--max-time', '10', '--http0.9', url])
  return stdout
}

test(
  'TCP through DNAT and REDIRECT, UDP through TPROXY, TLS by original port',
  { skip },
  async (t) => {
    const { client, server } = await makeNetnsPair(t)
    const { address } = server
    await server.routeMarkedToLocal()
    const nat = '-t nat -A PREROUTING -p tcp'
    await server.iptables(`${nat} --dport 17082 -j DNAT --to-destination ${address}:22222`)
    await server.iptables(`${nat} --dport 19082 -j REDIRECT --to-ports 22224`)
    await server.iptables(
      '-t mangle -A PREROUTING -p udp --dport 18082 -j TPROXY --tproxy-mark 0x1/0x1 --on-port 22223',
    )
    const engine = await startTrijet(t, { conf, under: server.under })

    assert.equal(await ask(client, `http://${address}:17082/`), `17082 ok ${address} 17082`)
    assert.equal(await ask(client, `http://${address}:22222/`), 'default 22222')
    assert.equal(await ask(client, `https://${address}:19082/`), 'ssl ok')
    assert.equal(await ask(client, `https://${address}:22224/`), '')
    const sent = await client.run(['sh', '-c', `echo x | nc -u -w 2 ${address} 18082`])
    assert.equal(sent.stdout, `18082 ok ${address}:18082`)
    assert.equal(await ask(client, `http://${address}:22225/`), 'proto=http')
    assert.equal(await ask(client, `https://${address}:22225/`), '')
    const log = (): string => engine.prefix.read('logs/mesh.log')
    await until(() => log().includes(`UDP ${address}:18082 udp server-18082`), { what: 'the log' })
    assert.match(log(), new RegExp(`^TCP ${address}:17082 \\S+ server-17082$`, 'm'))
  },
)

test('IPv6 through REDIRECT', { skip }, async (t) => {
  const { client, server } = await makeNetnsPair(t)
  await server.ip6tables('-t nat -A PREROUTING -p tcp --dport 12345 -j REDIRECT --to-ports 22222')
  await startTrijet(t, { conf, under: server.under })
  assert.equal(await ask(client, `http://[${server.address6}]:12345/`), 'default 12345')
})
