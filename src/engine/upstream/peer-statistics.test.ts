import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SharedTable } from '../core/shared-table.ts'
import { tableBytes, type TableLayout } from '../core/table-layout.ts'
import { countLatencies } from '../core/latency-histogram.ts'
import { PeerStatistics, serverMark, StatisticsCells, statisticsFields } from './peer-statistics.ts'

const layout: TableLayout<typeof statisticsFields> = {
  fields: statisticsFields,
  capacity: 4,
  owners: 4,
  keyBytesMax: 16,
  unused: 'remove',
}

function createStatistics(): PeerStatistics {
  const table = new SharedTable(new ArrayBuffer(tableBytes(layout)), layout)
  return new PeerStatistics(new StatisticsCells(table), table.acquire('a'))
}

test('what a peer does is counted', () => {
  const peer = createStatistics()
  peer.countRequest()
  peer.countRequest()
  peer.countBytes(10, 100)
  peer.countBytes(1, 5)
  peer.countResponse(200)
  peer.recordLatency(3)
  const { responses, latency, ...totals } = peer.totals()
  assert.deepEqual(totals, {
    requests: 2,
    sentBytes: 11,
    receivedBytes: 105,
  })
  assert.deepEqual([...responses.codes], [[200, 1]])
  assert.equal(countLatencies(latency), 1)
})

test('after a reset everything counts from 0, and only what comes then', () => {
  const peer = createStatistics()
  for (let i = 0; i < 5; i += 1) {
    peer.countRequest()
    peer.countBytes(3, 4)
    peer.countResponse(500)
    peer.recordLatency(1)
  }
  peer.reset()
  const empty = peer.totals()
  assert.deepEqual([empty.requests, empty.sentBytes, empty.receivedBytes], [0, 0, 0])
  assert.equal(empty.responses.total + countLatencies(empty.latency), 0)
  peer.countRequest()
  peer.countBytes(1, 2)
  const { requests, sentBytes, receivedBytes } = peer.totals()
  assert.deepEqual([requests, sentBytes, receivedBytes], [1, 1, 2])
})

test('servers of one name in different groups are told apart', () => {
  assert.notEqual(serverMark('a', 'x:80'), serverMark('b', 'x:80'))
  assert.notEqual(serverMark('a', 'x:80'), 0)
  const peer = createStatistics()
  peer.server = serverMark('a', 'x:80')
  assert.equal(peer.server, serverMark('a', 'x:80'))
})
