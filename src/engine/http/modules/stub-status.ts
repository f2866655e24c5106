/** `stub_status`: how many connections and requests there are and were. */
import { present } from '../../modules/value-types.ts'
import type { ConnectionTotals } from '../connection-counts.ts'
import { methods } from '../methods.ts'
import { defineHttpModule, type HttpModule, outcomes, type RequestVariables } from '../module.ts'
import type { Request } from '../request.ts'

export interface HttpStubStatusConf {
  readonly stub_status: boolean
}

export const httpStubStatus: HttpModule<HttpStubStatusConf> = defineHttpModule<HttpStubStatusConf>({
  id: 'http.stub_status',
  directives: {
    stub_status: {
      contexts: ['http.server', 'http.location'],
      args: [0, 1],
      syntax: 'stub_status',
      value: present,
      default: false,
      inherited: false,
      doc: 'Answers with the numbers of connections and requests.',
    },
  },
  variables: {
    connections_active: count('active', 'Connections that are open.'),
    connections_reading: count('reading', 'Connections whose head is being read.'),
    connections_writing: count('writing', 'Connections that are being answered.'),
    connections_waiting: count('waiting', 'Connections that wait for a request.'),
  },
  idle: true,
  hooks: { content: ({ stub_status: wanted }) => (wanted ? answer : undefined) },
})

function count(name: keyof ConnectionTotals, doc: string): RequestVariables[string] {
  return { get: (request) => String(totalsOf(request)[name]), volatile: true, doc }
}

function totalsOf({ connection }: Request): ConnectionTotals {
  return connection.engine.counts.totals()
}

function answer(request: Request): number {
  if (request.method !== methods.get && request.method !== methods.head) return 405
  const { response } = request
  const { active, accepted, handled, requests, reading, writing, waiting } = totalsOf(request)
  response.status = 200
  response.contentType = 'text/plain'
  request.respond(
    `Active connections: ${active} \n` +
      'server accepts handled requests\n' +
      ` ${accepted} ${handled} ${requests} \n` +
      `Reading: ${reading} Writing: ${writing} Waiting: ${waiting} \n`,
  )
  return outcomes.done
}
