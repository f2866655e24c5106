import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { test } from 'node:test'
import { formatSyslog, parseSyslog } from './syslog.ts'

test('all that a server may be told', () => {
  assert.deepEqual(parseSyslog('syslog:server=127.0.0.1'), {
    address: { kind: 'udp', host: '127.0.0.1', port: 514 },
    facility: 23,
    severity: 6,
    tag: 'trijet',
    withHostname: true,
  })
  assert.deepEqual(
    parseSyslog('syslog:server=unix:/dev/log,facility=daemon,tag=my_1,severity=error,nohostname'),
    {
      address: { kind: 'unix', path: '/dev/log' },
      facility: 3,
      severity: 3,
      tag: 'my_1',
      withHostname: false,
    },
  )
  assert.deepEqual(parseSyslog('syslog:server=[::1]:5514').address, {
    kind: 'udp',
    host: '::1',
    port: 5514,
  })
})

test('what is refused, in the words of nginx', () => {
  for (const [text, message] of [
    ['syslog:', 'unknown syslog parameter ""'],
    ['syslog:server=', 'no host in syslog server ""'],
    ['syslog:facility=user', 'no syslog server specified'],
    ['syslog:server=a,facility=x', 'unknown syslog facility "x"'],
    ['syslog:server=a,severity=x', 'unknown syslog severity "x"'],
    ['syslog:server=a,tag=a-b', 'syslog "tag" only allows alphanumeric characters and underscore'],
    [`syslog:server=a,tag=${'x'.repeat(33)}`, 'syslog tag length exceeds 32'],
    ['syslog:server=a,x=y', 'unknown syslog parameter "x=y"'],
    ['syslog:server=a:99999', 'invalid port in syslog server "a:99999"'],
    ['syslog:server=unix:', 'no path in the unix domain socket in syslog server "unix:"'],
    ['syslog:server=a,server=b', 'duplicate syslog "server"'],
    ['syslog:server=a,', 'unknown syslog parameter ""'],
  ] as const) {
    assert.throws(() => parseSyslog(text), { message }, text)
  }
})

test('the form of a line', () => {
  const server = parseSyslog('syslog:server=a,tag=t')
  const line = formatSyslog(server, 3, 'something').toString()
  const time = '[A-Z][a-z]{2} [ 1-3][0-9] \\d\\d:\\d\\d:\\d\\d'
  assert.match(line, new RegExp(`^<187>${time} ${hostname()} t: something$`))
  const bare = parseSyslog('syslog:server=a,facility=kern,nohostname,tag=t')
  assert.match(formatSyslog(bare, 0, 'x').toString(), new RegExp(`^<0>${time} t: x$`))
})
