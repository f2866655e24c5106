/** `server_traffic_status*`: what is counted of sessions, and what is limited. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePort } from '../support/ports.ts'
import type { Owner } from '../support/scope.ts'
import { connectTcp } from '../support/tcp.ts'
import { refusalOf, startStream } from './support.ts'

async function said(owner: Owner, port: number): Promise<string> {
  const client = await connectTcp(owner, { host: '127.0.0.1', port })
  const text = (await client.readAll({ orReset: true })).toString()
  client.close()
  return text
}

test('what was counted is there in variables, by address and by name', async (t) => {
  const port = await freePort()
  await startStream(
    t,
    `server_traffic_status_zone;
     server { listen 127.0.0.1:${port};
       return "$sts_connect_counter $sts_2xx_counter $sts_out_bytes"; }`,
  )
  assert.equal(await said(t, port), '  ')
  assert.equal(await said(t, port), '1 1 2')
  assert.equal(await said(t, port), '2 2 7')
})

test('sessions beyond a limit are refused, by server and by key', async (t) => {
  const [one, other, free] = [await freePort(), await freePort(), await freePort()]
  await startStream(
    t,
    `server_traffic_status_zone;
     server_traffic_status_filter_by_set_key $server_port ports;
     server { listen 127.0.0.1:${one}; server_traffic_status_limit_traffic connect:1; return a; }
     server { listen 127.0.0.1:${other};
       server_traffic_status_limit_traffic_by_set_key FG@ports@$server_port out:1 403; return b; }
     server { listen 127.0.0.1:${free}; server_traffic_status_limit_traffic connect:0;
       server_traffic_status_limit off; return c; }`,
  )
  for (const [port, texts] of [
    [one, ['a', 'a', '', '']],
    [other, ['b', 'b', '']],
    [free, ['c', 'c']],
  ] as const) {
    for (const text of texts) assert.equal(await said(t, port), text)
  }
})

const refusals: readonly (readonly [text: string, message: RegExp])[] = [
  ['server_traffic_status_zone z;', /invalid parameter "z"/],
  ['server_traffic_status_limit_traffic request:1;', /invalid member "request:1"/],
  ['server_traffic_status_limit_traffic cache_hit:1;', /invalid member "cache_hit:1"/],
  ['server_traffic_status_histogram_buckets 1 1;', /buckets must ascend/],
]

for (const [text, message] of refusals) {
  test(`${text} is refused`, async (t) => {
    assert.match((await refusalOf(t, text))[0] ?? 'accepted', message)
  })
}
