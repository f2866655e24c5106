/**
 * The tables of the broker's database and what is asked of them.
 *
 * ```text
 *   retained       topic  → the last retained message, in order of first publication
 *   subscriptions  session, filter → quality of service
 *   outgoing       what waits for a session's client, in order
 *   incoming       QoS 2 messages whose release has not come
 *   wills          last wills of connected clients
 * ```
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { Schema } from '../../store/sqlite-database.ts'
import type { Message, Queued, QueuedMessage, Subscription, Will } from './message.ts'

const message = `
  topic TEXT NOT NULL, payload BLOB NOT NULL, qos INTEGER NOT NULL, retain INTEGER NOT NULL`

export const brokerSchema: Schema = {
  applicationId: 0x54_4a_42_31, // TJB1
  version: 1,
  // The broker answers from memory, so a second one on this file would not know what the first one knows.
  exclusive: true,
  create: `
    CREATE TABLE retained (
      id INTEGER PRIMARY KEY, topic TEXT NOT NULL UNIQUE, payload BLOB NOT NULL, qos INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE subscriptions (
      client TEXT NOT NULL, filter TEXT NOT NULL, qos INTEGER NOT NULL,
      PRIMARY KEY (client, filter)
    ) STRICT;
    CREATE TABLE outgoing (
      id INTEGER PRIMARY KEY AUTOINCREMENT, client TEXT NOT NULL, released INTEGER NOT NULL,
      broker TEXT NOT NULL, counter INTEGER NOT NULL, message_id INTEGER, ${message}
    ) STRICT;
    CREATE TABLE incoming (
      client TEXT NOT NULL, message_id INTEGER NOT NULL, ${message},
      PRIMARY KEY (client, message_id)
    ) STRICT;
    CREATE TABLE wills (client TEXT PRIMARY KEY, broker TEXT NOT NULL, ${message}) STRICT;
  `,
}

interface MessageRow {
  readonly topic: string
  readonly payload: Uint8Array
  readonly qos: 0 | 1 | 2
  readonly retain: number
}

interface OutgoingRow extends MessageRow {
  readonly id: number
  readonly client: string
  readonly released: number
  readonly broker: string
  readonly counter: number
  readonly message_id: number | null
}

export class BrokerTables {
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  *retained(): Iterable<Message> {
    for (const row of this.#rows(
      'SELECT topic, payload, qos, 1 AS retain FROM retained ORDER BY id',
    )) {
      yield toMessage(row as unknown as MessageRow)
    }
  }

  putRetained({ topic, payload, qos }: Message): void {
    this.#run(
      `INSERT INTO retained (topic, payload, qos) VALUES (?, ?, ?)
       ON CONFLICT (topic) DO UPDATE SET payload = excluded.payload, qos = excluded.qos`,
      topic,
      Buffer.from(payload as string),
      qos,
    )
  }

  deleteRetained(topic: string): void {
    this.#run('DELETE FROM retained WHERE topic = ?', topic)
  }

  *subscriptions(): Iterable<Subscription & { readonly client: string }> {
    const rows = this.#rows('SELECT client, filter AS topic, qos FROM subscriptions ORDER BY rowid')
    for (const row of rows) yield row as unknown as Subscription & { client: string }
  }

  putSubscription(client: string, { topic, qos }: Subscription): void {
    this.#run(
      `INSERT INTO subscriptions (client, filter, qos) VALUES (?, ?, ?)
       ON CONFLICT (client, filter) DO UPDATE SET qos = excluded.qos`,
      client,
      topic,
      qos,
    )
  }

  deleteSubscription(client: string, filter: string): void {
    this.#run('DELETE FROM subscriptions WHERE client = ? AND filter = ?', client, filter)
  }

  deleteSubscriptions(client: string): void {
    this.#run('DELETE FROM subscriptions WHERE client = ?', client)
  }

  *outgoing(): Iterable<{ readonly id: number; readonly client: string; readonly packet: Queued }> {
    for (const found of this.#rows('SELECT * FROM outgoing ORDER BY id')) {
      const row = found as unknown as OutgoingRow
      yield { id: row.id, client: row.client, packet: toQueued(row) }
    }
  }

  /** Returns the row's id, by which it is released and deleted. */
  addOutgoing(client: string, packet: QueuedMessage): number {
    const { lastInsertRowid } = this.#run(
      `INSERT INTO outgoing (client, released, broker, counter, topic, payload, qos, retain)
       VALUES (?, 0, ?, ?, ?, ?, ?, ?)`,
      client,
      packet.brokerId,
      packet.brokerCounter,
      ...messageValues(packet),
    )
    return Number(lastInsertRowid)
  }

  setMessageId(id: number, messageId: number | undefined): void {
    this.#run('UPDATE outgoing SET message_id = ? WHERE id = ?', messageId ?? null, id)
  }

  setReleased(id: number): void {
    this.#run('UPDATE outgoing SET released = 1 WHERE id = ?', id)
  }

  deleteOutgoing(id: number): void {
    this.#run('DELETE FROM outgoing WHERE id = ?', id)
  }

  *incoming(): Iterable<{
    readonly client: string
    readonly messageId: number
    readonly packet: Message
  }> {
    for (const found of this.#rows('SELECT * FROM incoming')) {
      const row = found as unknown as MessageRow & { client: string; message_id: number }
      yield { client: row.client, messageId: row.message_id, packet: toMessage(row) }
    }
  }

  putIncoming(client: string, messageId: number, packet: Message): void {
    this.#run(
      `INSERT OR REPLACE INTO incoming (client, message_id, topic, payload, qos, retain)
       VALUES (?, ?, ?, ?, ?, ?)`,
      client,
      messageId,
      ...messageValues(packet),
    )
  }

  deleteIncoming(client: string, messageId: number): void {
    this.#run('DELETE FROM incoming WHERE client = ? AND message_id = ?', client, messageId)
  }

  deleteAllIncoming(client: string): void {
    this.#run('DELETE FROM incoming WHERE client = ?', client)
  }

  *wills(): Iterable<Will & { readonly clientId: string }> {
    for (const found of this.#rows('SELECT * FROM wills')) {
      const row = found as unknown as MessageRow & { client: string; broker: string }
      yield { ...toMessage(row), brokerId: row.broker, clientId: row.client }
    }
  }

  putWill(client: string, broker: string, will: Message): void {
    this.#run(
      `INSERT OR REPLACE INTO wills (client, broker, topic, payload, qos, retain)
       VALUES (?, ?, ?, ?, ?, ?)`,
      client,
      broker,
      ...messageValues(will),
    )
  }

  deleteWill(client: string): void {
    this.#run('DELETE FROM wills WHERE client = ?', client)
  }

  #run(text: string, ...values: SQLInputValue[]): ReturnType<StatementSync['run']> {
    return this.#sql(text).run(...values)
  }

  #rows(text: string): ReturnType<StatementSync['iterate']> {
    return this.#sql(text).iterate()
  }

  #sql(text: string): StatementSync {
    const known = this.#statements.get(text)
    if (known !== undefined) return known
    const statement = this.#database.prepare(text)
    this.#statements.set(text, statement)
    return statement
  }
}

/** Topic, payload, quality and retain flag, as the four message columns take them. */
function messageValues({ topic, payload, qos, retain }: Message): SQLInputValue[] {
  return [topic, Buffer.from(payload as string), qos, retain ? 1 : 0]
}

function toMessage({ topic, payload, qos, retain }: MessageRow): Message & { cmd: 'publish' } {
  return {
    cmd: 'publish',
    topic,
    payload: toBuffer(payload),
    qos,
    retain: retain === 1,
    dup: false,
  }
}

function toQueued(row: OutgoingRow): Queued {
  if (row.released === 1) return { cmd: 'pubrel', messageId: row.message_id! }
  return {
    ...toMessage(row),
    brokerId: row.broker,
    brokerCounter: row.counter,
    messageId: row.message_id ?? undefined,
  }
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
