import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import {
  agentSubscriptions,
  clusterKvTopic,
  dispatchKey,
  dispatchMethod,
  dynTopic,
  insTopic,
  instructionId,
  kvTopic,
  replyTopic,
  rpcTopic,
  toWorker,
  withoutWorker,
  workerSubscriptions,
} from './topics.ts'

describe('topics of the bus', () => {
  it('have the names of OpenNJet', () => {
    assert.equal(dynTopic('http_log'), '/dyn/http_log')
    assert.equal(kvTopic('__master_worker_count'), '/dyn/kv_http___master_worker_count')
    assert.equal(insTopic('stream_srv', 's_1'), '/ins/stream_srv/s_1')
    assert.equal(toWorker('agent', rpcTopic('http_log')), '/worker_a/rpc/http_log')
    assert.equal(toWorker(3, dynTopic('x')), '/worker_3/dyn/x')
    assert.equal(withoutWorker('/worker_a/ins/srv/s_1'), '/ins/srv/s_1')
    assert.equal(withoutWorker('/ins/srv/s_1'), '/ins/srv/s_1')
    assert.equal(clusterKvTopic('c', 'k'), '/cluster/c/kv_set/k')
    assert.equal(replyTopic('node_msg_7'), 'node_msg_7_rcp_resp')
  })

  it('find their handler by one level', () => {
    assert.equal(dispatchKey('/dyn/http_log'), 'http_log')
    assert.equal(dispatchKey('/ins/loc/l_42'), 'loc')
    assert.equal(dispatchKey('/worker_a/rpc/http_log'), 'http_log')
    assert.equal(dispatchKey('/worker_12/ins/srv/s_1'), 'srv')
    assert.equal(dispatchKey('/x'), undefined)
    assert.equal(dispatchMethod('/worker_a/rpc/http_log'), 'get')
    assert.equal(dispatchMethod('/worker_a/dyn/http_log'), 'put')
  })

  it('name an instruction by the checksum of what it is about', () => {
    assert.equal(instructionId('stream_srv', '123456789'), 's_3421780262')
    assert.equal(
      instructionId('stream_srv', '0.0.0.0:90', 'server-1'),
      `s_${crc32('0.0.0.0:90server-1')}`,
    )
    assert.equal(instructionId('loc', 'a'), `l_${crc32('a')}`)
  })

  it('are subscribed to in the order in which they must be replayed', () => {
    const worker = workerSubscriptions(2)
    const order = ['/ins/ups/#', '/ins/ups_peer/#', '/ins/srv/#', '/ins/loc/#', '/dyn/#']
    assert.deepEqual(
      worker.filter((filter) => order.includes(filter)),
      order,
    )
    assert.equal(worker[0], '/cluster/+/kv_set/#')
    assert.deepEqual(worker.slice(-2), ['$share/njet//rpc/#', '/worker_2/#'])
    assert.deepEqual(agentSubscriptions(), [...worker.slice(1, -2), '/worker_a/#'])
  })
})
