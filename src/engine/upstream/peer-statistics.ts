/**
 * What is counted of a peer for those who look on: the API of members, and metrics.
 *
 * Only groups with a `zone` count, as the numbers are for another process. Those that grow with every request
 * have a column for each worker and cost a plain addition; what they were at the last reset is noted beside
 * them, so that nobody but its worker ever writes to a column.
 */
import { crc32 } from 'node:zlib'
import type { ColumnField, Float64Field, Int32Field } from '../core/shared-fields.ts'
import type { Latencies, LatencyHistogram } from '../core/latency-histogram.ts'
import type { StatusCounts, Statuses } from '../core/status-counts.ts'

/** Fields of the records of a shared zone. */
export const statisticsFields = {
  /** Which server of which group the peer is an address of; 0 in a group's own record. */
  server: 'int32',
  requests: 'counter',
  sentBytes: 'counter',
  receivedBytes: 'counter',
  requestsAtReset: 'float64',
  sentAtReset: 'float64',
  receivedAtReset: 'float64',
  responses: 'statuses',
  /** Until the last byte of responses that came whole. */
  latency: 'latency',
} as const

interface StatisticsTable {
  int32(name: 'server'): Int32Field
  counter(name: 'requests' | 'sentBytes' | 'receivedBytes'): ColumnField
  float64(name: 'requestsAtReset' | 'sentAtReset' | 'receivedAtReset'): Float64Field
  statuses(name: 'responses', record: number): StatusCounts
  latency(name: 'latency', record: number): LatencyHistogram
}

/** A counter with what it was at the last reset. */
interface Resettable {
  readonly all: ColumnField
  readonly atReset: Float64Field
}

/** The fields over all records of a zone. */
export class StatisticsCells {
  readonly server: Int32Field
  readonly requests: Resettable
  readonly sent: Resettable
  readonly received: Resettable
  readonly #table: StatisticsTable

  constructor(table: StatisticsTable) {
    this.#table = table
    this.server = table.int32('server')
    this.requests = {
      all: table.counter('requests'),
      atReset: table.float64('requestsAtReset'),
    }
    this.sent = { all: table.counter('sentBytes'), atReset: table.float64('sentAtReset') }
    this.received = {
      all: table.counter('receivedBytes'),
      atReset: table.float64('receivedAtReset'),
    }
  }

  responsesOf(record: number): StatusCounts {
    return this.#table.statuses('responses', record)
  }

  latencyOf(record: number): LatencyHistogram {
    return this.#table.latency('latency', record)
  }
}

export interface PeerStatisticsTotals {
  /** Requests, or connections of streams, that were given to the peer. */
  readonly requests: number
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly responses: Statuses
  readonly latency: Latencies
}

export class PeerStatistics {
  readonly #cells: StatisticsCells
  readonly #record: number
  readonly #responses: StatusCounts
  readonly #latency: LatencyHistogram

  constructor(cells: StatisticsCells, record: number) {
    this.#cells = cells
    this.#record = record
    this.#responses = cells.responsesOf(record)
    this.#latency = cells.latencyOf(record)
  }

  /** From `serverMark`. */
  get server(): number {
    return this.#cells.server.get(this.#record)
  }

  set server(mark: number) {
    this.#cells.server.set(this.#record, mark)
  }

  countRequest(): void {
    this.#cells.requests.all.add(this.#record, 1)
  }

  countBytes(sent: number, received: number): void {
    this.#cells.sent.all.add(this.#record, sent)
    this.#cells.received.all.add(this.#record, received)
  }

  countResponse(status: number): void {
    this.#responses.count(status)
  }

  recordLatency(ms: number): void {
    this.#latency.record(ms)
  }

  /** Over all workers. */
  totals(): PeerStatisticsTotals {
    const { requests, sent, received } = this.#cells
    return {
      requests: this.#sinceReset(requests),
      sentBytes: this.#sinceReset(sent),
      receivedBytes: this.#sinceReset(received),
      responses: this.#responses.read(),
      latency: this.#latency.read(),
    }
  }

  /** Everything counts from 0 again. */
  reset(): void {
    for (const { all, atReset } of [this.#cells.requests, this.#cells.sent, this.#cells.received]) {
      atReset.set(this.#record, all.sum(this.#record))
    }
    this.#responses.reset()
    this.#latency.reset()
  }

  #sinceReset({ all, atReset }: Resettable): number {
    return all.sum(this.#record) - atReset.get(this.#record)
  }
}

/** Tells the servers of a zone apart: peers that are addresses of one server share it. Never 0. */
export function serverMark(group: string, server: string): number {
  return crc32(`${group}\n${server}`) | 1
}
