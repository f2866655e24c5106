/** Variables, maps, geo, split_clients and logs, each beside nginx. */
import { describe, test } from 'node:test'
import { startTcpBackend } from '../support/echo-servers.ts'
import type { Owner } from '../support/scope.ts'
import { connectTcp } from '../support/tcp.ts'
import { compareWithNginx } from './differential.ts'

/** What a client gets that only connects. */
async function greeting(t: Owner, port: number, localAddress?: string): Promise<string> {
  const client = await connectTcp(t, {
    port,
    host: '127.0.0.1',
    ...(localAddress && { localAddress }),
  })
  const text = (await client.readAll({ orReset: true })).toString('latin1')
  client.close()
  return text
}

const addresses = ['127.0.0.1', '127.0.0.2', '127.1.2.3', '127.200.0.1']

describe('the same values as nginx', () => {
  test('core variables', async (t) => {
    await compareWithNginx(t, {
      stream: (port) => `server { listen 127.0.0.1:${port};
        return "$remote_addr|$server_addr|$server_port|$protocol|$status|$bytes_sent|\${remote_addr}x"; }`,
      run: ({ port }) => greeting(t, port),
    })
  })

  test('map: case, default, order of expressions, captures, escapes, empty source', async (t) => {
    await compareWithNginx(t, {
      stream: (port) => `
        map $remote_addr $plain { 127.0.0.1 one; 127.0.0.2 two; default other; }
        map $remote_addr $regex {
          ~^127\\.(?<second>\\d+)\\.(\\d+) "second $second third $2";
          ~* "any";
          127.0.0.2 exact; }
        map $nothing $empty { "" was-empty; default d; }
        map "" $nothing { default ""; }
        map $plain $chained { ONE lower; two "$remote_addr"; }
        map x $escaped { \\default literal; \\x yes; default no; }
        server { listen 127.0.0.1:${port}; return "$plain/$regex/$empty/$chained/$escaped"; }`,
      run: ({ port }) => Promise.all(addresses.map((address) => greeting(t, port, address))),
    })
  })

  test('map with hostnames', async (t) => {
    const names = [
      'a.example.com',
      'example.com',
      'x.y.example.com',
      'www.test.org',
      'www.test.',
      'no',
    ]
    await compareWithNginx(t, {
      stream: (port) =>
        names
          .map(
            (name, i) => `map ${name} $m${i} { hostnames; default none; .example.com dot;
              *.y.example.com star; www.test.* tail; a.example.com exact; }`,
          )
          .join('\n') +
        `server { listen 127.0.0.1:${port}; return "${names.map((_, i) => `$m${i}`).join(' ')}"; }`,
      run: ({ port }) => greeting(t, port),
    })
  })

  test('geo: prefixes and ranges', async (t) => {
    await compareWithNginx(t, {
      stream: (port) => `
        geo $prefix { default none; 127.0.0.0/8 eight; 127.0.0.0/24 twentyfour; 127.0.0.2 host;
          delete 127.200.0.0/16; ::1 six; }
        geo $range { ranges; default none; 127.0.0.0-127.0.0.255 low; 127.0.0.2-127.0.0.2 two;
          127.1.0.0-127.255.255.255 high; }
        geo $server_addr $server { 127.0.0.1 local; }
        server { listen 127.0.0.1:${port}; return "$prefix $range $server"; }`,
      run: ({ port }) => Promise.all(addresses.map((address) => greeting(t, port, address))),
    })
  })

  test('split_clients cuts where nginx cuts', async (t) => {
    const texts = Array.from({ length: 40 }, (_, i) => `client-${i * 7919}`)
    await compareWithNginx(t, {
      stream: (port) =>
        texts
          .map((text, i) => `split_clients "${text}" $v${i} { 10% a; 33.33% b; 0.5% c; * d; }`)
          .join('\n') +
        `server { listen 127.0.0.1:${port}; return "${texts.map((_, i) => `$v${i}`).join('')}"; }`,
      run: ({ port }) => greeting(t, port),
    })
  })

  test('set', async (t) => {
    await compareWithNginx(t, {
      stream: (port) => `
        map $a $mapped { default no; x yes; }
        server { listen 127.0.0.1:${port}; set $a x; set $b "$a-$mapped"; return "$a $b $mapped"; }`,
      run: ({ port }) => greeting(t, port),
    })
  })

  test('access log: formats, escapes, conditions', async (t) => {
    await compareWithNginx(t, {
      stream: (port) => `
        log_format plain '$remote_addr [$status] $bytes_sent $bytes_received "$quoted" $missing $protocol';
        log_format json escape=json '{"q":"$quoted","m":"$missing"}';
        log_format none escape=none '$quoted$missing';
        map x $quoted { default 'a"b\\\\c\\tü'; }
        map $remote_addr $loggable { default 1; 127.0.0.2 0; }
        map $remote_addr $missing { volatile; 9.9.9.9 x; }
        access_log logs/access.log plain if=$loggable;
        access_log logs/access.log json if=$loggable;
        access_log logs/access.log none if=$loggable;
        server { listen 127.0.0.1:${port}; return "four"; }`,
      run: async ({ port, accessLog }) => {
        await greeting(t, port, '127.0.0.2')
        await greeting(t, port, '127.0.0.1')
        return accessLog(3)
      },
    })
  })
})

test('what a proxied session leaves in the log', async (t) => {
  const backend = await startTcpBackend(t)
  await compareWithNginx(t, {
    stream: (port) => `
      log_format p '$status $bytes_sent $bytes_received $upstream_addr $upstream_bytes_sent $upstream_bytes_received';
      access_log logs/access.log p;
      upstream two { server 127.0.0.1:1; server ${backend.address}; }
      server { listen 127.0.0.1:${port}; proxy_pass two; }`,
    run: async ({ port, accessLog }) => {
      for (let i = 0; i < 2; i++) {
        const client = await connectTcp(t, { port })
        await client.send('hello')
        await client.read(5)
        client.close()
        await accessLog(i + 1)
      }
      return accessLog(2)
    },
  })
})
