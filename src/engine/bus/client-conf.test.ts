import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseBrokerAddress } from './address.ts'
import { parseClientConf, type ClientConf } from './client-conf.ts'

const names = { pid: 4711, cluster: 'c1', node: 'n1' }

function parse(text: string): ClientConf {
  return parseClientConf(text, { file: 'iot-work.conf', prefix: '/opt/trijet', names })
}

describe('configuration of a bus client', () => {
  it('may be empty', () => {
    assert.deepEqual(parse(''), {
      address: { path: '/opt/trijet/data/mosquitto.sock' },
      topics: [],
      keepaliveSeconds: 30,
      will: undefined,
      logTypes: [],
      logFile: undefined,
      kvStoreFolder: '/opt/trijet/data',
    })
  })

  it('names topics with the process, the node and the cluster in them', () => {
    const conf = parse(`
      # as shipped
      topic $share/njet//\${CLUSTER_NAME}_\${NODE_NAME}/stream_proto/disconnect
      topic /worker_all/\${NODE_NAME}/session/#
      topic /worker_pid_\${PID}/\${NODE_NAME}/session/#
      will_topic /gone/\${PID}
      will_payload \${NODE_NAME} has gone
      will_qos 1
      will_retain true
    `)
    assert.deepEqual(conf.topics, [
      '$share/njet//c1_n1/stream_proto/disconnect',
      '/worker_all/n1/session/#',
      '/worker_pid_4711/n1/session/#',
    ])
    const will = { topic: '/gone/4711', payload: 'n1 has gone', qos: 1, retain: true }
    assert.deepEqual(conf.will, will)
  })

  it('says where the broker is', () => {
    const addresses = {
      '/run/bus.sock': { path: '/run/bus.sock' },
      'unix:/run/bus.sock': { path: '/run/bus.sock' },
      '127.0.0.1:1883': { host: '127.0.0.1', port: 1883 },
      'broker.example 1883': { host: 'broker.example', port: 1883 },
      '[::1]:1883': { host: '::1', port: 1883 },
      '::1 1883': { host: '::1', port: 1883 },
    }
    for (const [text, address] of Object.entries(addresses)) {
      assert.deepEqual(parseBrokerAddress(text), address, text)
      if (!text.startsWith('unix:')) assert.deepEqual(parse(`broker_addr ${text}`).address, address)
    }
    assert.deepEqual(parse('broker_addr run/bus.sock').address, {
      path: '/opt/trijet/run/bus.sock',
    })
  })

  const faults = {
    'keepaliv 30': 'unknown directive "keepaliv" in iot-work.conf:2',
    'keepalive soon': 'invalid value "soon", it must be 5 to 65535 in iot-work.conf:2',
    broker_addr: 'invalid number of arguments in iot-work.conf:2',
    'broker_addr host:99999': 'invalid broker address "host:99999" in iot-work.conf',
    'topic a#': 'invalid topic "a#": "#" must be the whole last level in iot-work.conf',
    'will_topic a/+': 'invalid topic "a/+": a topic has no wildcards in iot-work.conf',
    'will_qos 1\nwill_qos 2': '"will_qos" directive is duplicate in iot-work.conf:3',
  }
  for (const [line, message] of Object.entries(faults)) {
    it(`refuses "${line.replace('\n', '; ')}"`, () => {
      assert.throws(() => parse(`# comment\n${line}\n`), { code: 'TRIJET_CONF', message })
    })
  }
})
