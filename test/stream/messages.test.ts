/** What is wrong with a stream configuration is said in nginx's words, at nginx's place. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { askNginx } from '../support/nginx.ts'
import { ConfigurationFault } from '../support/subsystem-runner.ts'
import { startStream } from './support.ts'
import { existsSync } from 'node:fs'

/** Bodies of `stream`; each goes to both. */
const cases: readonly string[] = [
  'map $remote_addr $x { hostnames; a.b c; A.b d; } server { listen 12345; return $x; }',
  'map $remote_addr $x { a; } server { listen 12345; return $x; }',
  'map $remote_addr $x { default a; default b; } server { listen 12345; return $x; }',
  'map $remote_addr $x { hostnames; *.*.b c; } server { listen 12345; return $x; }',
  'map $remote_addr x { a b; } server { listen 12345; return 1; }',
  'map $x $remote_addr {} server { listen 12345; return 1; }',
  'geo $x { 10.0.0.1/33 c; foo bar; } server { listen 12345; return $x; }',
  'geo $x { ranges; 10.0.0.1-1 c; } server { listen 12345; return $x; }',
  'geo $x { a b c; } server { listen 12345; return $x; }',
  'split_clients $remote_addr $x { 50 a; } server { listen 12345; return $x; }',
  'split_clients $remote_addr $x { 60% a; 41% b; } server { listen 12345; return $x; }',
  'split_clients $remote_addr $x { 0% a; } server { listen 12345; return $x; }',
  'server { listen 12345; return 1; deny foo; }',
  'server { listen 12345; return 1; allow 10.0.0.0/33; }',
  'server { listen 12345; return $nope; }',
  'server { listen 12345; }',
  'server { return 1; }',
  'server { listen 12345 foo; return 1; }',
  'server { listen 12345 udp ssl; return 1; }',
  'server { listen 12345 udp so_keepalive=on; return 1; }',
  'server { listen 12345 udp backlog=5; return 1; }',
  'server { listen 12345 udp proxy_protocol; return 1; }',
  'server { listen 12345 udp fastopen=3; return 1; }',
  'server { listen 12345 backlog=0; return 1; }',
  'server { listen 12345 rcvbuf=x; return 1; }',
  'server { listen 12345 sndbuf=x; return 1; }',
  'server { listen 12345 so_keepalive=x; return 1; }',
  'server { listen 12345 so_keepalive=::; return 1; }',
  'server { listen [::]:12345 ipv6only=x; return 1; }',
  'server { listen 123456; return 1; }',
  'server { listen 0; return 1; }',
  'server { listen [::1; return 1; }',
  'server { listen [::g]:1; return 1; }',
  'server { listen unix:; return 1; }',
  'server { listen 12345 setfib=1; return 1; }',
  'server { listen 12345; proxy_pass 127.0.0.1; }',
  'server { listen 12345; proxy_pass nosuch; }',
  'server { listen 12345; proxy_pass http://127.0.0.1:80; }',
  'server { listen 12345; proxy_pass 127.0.0.1:99999; }',
  'server { listen 12345; proxy_pass 127.0.0.1:80; proxy_timeout x; }',
  'server { listen 12345; proxy_pass 127.0.0.1:80; proxy_buffer_size x; }',
  'server { listen 12345; proxy_pass 127.0.0.1:80; proxy_bind foo; }',
  'server { listen 12345; proxy_pass 127.0.0.1:80; proxy_bind 127.0.0.1 foo; }',
  'server { listen 12345; proxy_pass 127.0.0.1:80; proxy_next_upstream_tries x; }',
  'server { listen 12345; proxy_pass 127.0.0.1:80; proxy_upload_rate x; }',
  'server { listen 12345; proxy_pass 127.0.0.1:80; proxy_half_close x; }',
  'server { listen 12345; proxy_pass 127.0.0.1:80; tcp_nodelay x; }',
  'server { listen 12345; proxy_pass 127.0.0.1:80 x; }',
  'server { listen 12345; limit_conn one 1; return 1; }',
  'limit_conn_zone $remote_addr zone=one; server { listen 12345; limit_conn one 1; return 1; }',
  'limit_conn_zone $remote_addr zone=one:1k; server { listen 12345; limit_conn one 1; return 1; }',
  'limit_conn_zone $remote_addr zone=one:1m; server { listen 12345; limit_conn one x; return 1; }',
  'limit_conn_zone $remote_addr zone=one:1m; server { listen 12345; limit_conn one 0; return 1; }',
  'limit_conn_zone $remote_addr zone=one:1m; server { listen 12345; limit_conn one 70000; return 1; }',
  'limit_conn_zone $remote_addr zone=one:1m; server { listen 12345; limit_conn one 1; limit_conn one 2; return 1; }',
  'limit_conn_zone $remote_addr zone=one:1m; limit_conn_zone $remote_addr zone=one:1m; server { listen 12345; return 1; }',
  'limit_conn_zone $remote_addr zone=one:1m; limit_conn_log_level foo; server { listen 12345; return 1; }',
  'limit_conn_zone $remote_addr x; server { listen 12345; return 1; }',
  'server { listen 12345; access_log logs/x; return 1; }',
  'server { listen 12345; access_log logs/x nope; return 1; }',
  'log_format a "$x"; server { listen 12345; access_log logs/x a; return 1; }',
  'log_format a "$status"; log_format a "$status"; server { listen 12345; return 1; }',
  'log_format a escape=foo "$status"; server { listen 12345; return 1; }',
  'log_format a "$status"; server { listen 12345; access_log logs/x a buffer=x; return 1; }',
  'log_format a "$status"; server { listen 12345; access_log logs/x a flush=x; return 1; }',
  'log_format a "$status"; server { listen 12345; access_log logs/x a gzip=11; return 1; }',
  'log_format a "$status"; server { listen 12345; access_log logs/x a foo; return 1; }',
  'log_format a "$status"; server { listen 12345; access_log off foo; return 1; }',
  'log_format a "$status"; server { listen 12345; access_log logs/$status.x a buffer=1k; return 1; }',
  'server { listen 12345; set $remote_addr x; return 1; }',
  'server { listen 12345; set foo x; return 1; }',
  'server { listen 12345; return 1; return 2; }',
  'server { listen 12345; return 1; set_real_ip_from foo; }',
  'server { listen 12345; return 1; resolver 127.0.0.1 valid=x; }',
  'server { listen 12345; return 1; resolver_timeout x; }',
  'server { listen 12345; return 1; preread_timeout x; }',
  'server { listen 12345; return 1; ssl_preread x; }',
  'upstream u { server 127.0.0.1:1; } upstream u { server 127.0.0.1:2; } server { listen 12345; proxy_pass u; }',
  'upstream u { } server { listen 12345; proxy_pass u; }',
  'server { listen 12345; return "${x"; }',
  'server { listen 12345; return "$"; }',
]

const stream = '/usr/lib/nginx/modules/ngx_stream_module.so'
const load = existsSync(stream) ? `load_module ${stream};` : ''

describe('messages', () => {
  for (const body of cases) {
    test(body, async (t) => {
      // The body stands on the line on which it stands for us.
      const asked = await askNginx(t, `${load} events {} stream {\n${body}\n}\n`)
      const theirs = asked.messages.find((line) => line.startsWith('[emerg]'))
      const fault: unknown = await startStream(t, body).then(
        () => undefined,
        (error: unknown) => error,
      )
      if (theirs === undefined) assert.equal(fault, undefined)
      else {
        assert.ok(
          fault instanceof ConfigurationFault,
          `nginx says ${theirs}; we say ${String(fault)}`,
        )
        assert.equal(withoutPlace(fault.message.split('\n')[0]!), withoutPlace(theirs.slice(8)))
      }
    })
  }
})

/** Files differ in name; nginx has no place where it looks at a variable or a zone after reading. */
function withoutPlace(message: string): string {
  return message.replace(/ in \S+:\d+$/, '').replace(/, error: .*$/, '')
}
