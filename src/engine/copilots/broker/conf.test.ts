import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parseBrokerConf, type BrokerConf } from './conf.ts'

function parse(text: string): BrokerConf {
  return parseBrokerConf(text, 'mqtt.conf', '/opt/trijet')
}

describe('mqtt.conf', () => {
  it('may be empty', () => {
    assert.deepEqual(parse(''), {
      logTargets: [{ kind: 'file', path: '/opt/trijet/logs/mosquitto.log' }],
      logTypes: new Set(['error']),
      listeners: [{ kind: 'unix', path: '/opt/trijet/data/mosquitto.sock' }],
      allowAnonymous: true,
      passwordFile: undefined,
      database: '/opt/trijet/data/mosquitto.db',
    })
  })

  it('is read with every key of the guide', () => {
    const conf = parse(`
      # a comment
      log_dest file /var/log/mosquitto.log
      log_dest stderr
      log_type error
      log_type warning

      listener 0 /run/trijet/bus.sock
      listener 1883 127.0.0.1
      listener 1884
      allow_anonymous true
      password_file conf/passwords
      persistence true
      autosave_on_changes true
      autosave_interval 1
      persistence_location /var/lib/trijet/
    `)
    assert.deepEqual(conf, {
      logTargets: [{ kind: 'file', path: '/var/log/mosquitto.log' }, { kind: 'stderr' }],
      logTypes: new Set(['error', 'warning']),
      listeners: [
        { kind: 'unix', path: '/run/trijet/bus.sock' },
        { kind: 'tcp', port: 1883, host: '127.0.0.1' },
        { kind: 'tcp', port: 1884, host: undefined },
      ],
      allowAnonymous: true,
      passwordFile: '/opt/trijet/conf/passwords',
      database: '/var/lib/trijet/mosquitto.db',
    })
  })

  it('takes a folder or a file as persistence_location', () => {
    const folder = mkdtempSync(join(tmpdir(), 'trijet-conf-'))
    assert.equal(parse(`persistence_location ${folder}`).database, join(folder, 'mosquitto.db'))
    rmSync(folder, { recursive: true })
    assert.equal(parse('persistence_location data/bus.db').database, '/opt/trijet/data/bus.db')
    assert.equal(parse('persistence false').database, undefined)
  })

  const faults = {
    'log_type loud':
      'invalid value "loud", it must be one of error, warning, notice, information, debug, all, none in mqtt.conf:1',
    'log_dest syslog':
      'invalid value "syslog", it must be "file PATH", "stderr", "stdout" or "none" in mqtt.conf:1',
    'listener http': 'invalid port "http" in mqtt.conf:1',
    'listener 70000': 'invalid port "70000" in mqtt.conf:1',
    'listener 0 127.0.0.1': '"listener 0" needs the path of a socket in mqtt.conf:1',
    'listener 1883 a b': 'invalid number of arguments in mqtt.conf:1',
    persistence: 'invalid value "", it must be "true" or "false" in mqtt.conf:1',
    'persistence true\n\npersistence true': '"persistence" directive is duplicate in mqtt.conf:3',
    'toString x': 'unknown directive "toString" in mqtt.conf:1',
  }
  for (const [text, message] of Object.entries(faults)) {
    it(`refuses "${text.replaceAll('\n', '; ')}"`, () => {
      assert.throws(() => parse(text), { code: 'TRIJET_CONF', message })
    })
  }
})
