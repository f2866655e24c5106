/**
 * The load process: `node bench/load/main.ts '<job as JSON>'`. Prints `ready` once all is set up, and the
 * result as one line of JSON at the end.
 */
import { connectAndRequest, holdHttp, requestAgain, serveHttp } from './http.ts'
import type { LoadJob } from './job.ts'
import { Meter } from './meter.ts'
import { eventIn, Poller } from './sockets.ts'
import { connectAgain, drain, holdIdle, pingPong, serveBulk, serveEcho } from './tcp.ts'
import { httpsRequests, tlsPingPong } from './tls.ts'
import { serveUdpEcho, udpPingPong } from './udp.ts'

/** Upper bound of a wait for readiness: how late the end of the window may be noticed. */
const pollTimeoutMs = 20
const standardInput = 0

const job = JSON.parse(process.argv[2]!) as LoadJob
const meter = new Meter(job)
if (job.kind === 'tls') await tlsPingPong(meter, job)
else if (job.kind === 'https') await httpsRequests(meter, job)
else runPolled()
console.log(JSON.stringify(meter.result()))
// Thousands of sockets are open: the kernel closes them faster than we do.
process.exit(0)

function runPolled(): void {
  const poller = new Poller()
  poller.add(standardInput, eventIn, () => meter.stop())
  const look = setUp(poller)
  for (let now = performance.now(); meter.goesOn(now); now = performance.now()) {
    look(now)
    poller.runOnce(pollTimeoutMs)
  }
}

/** Starts backend and clients; what it returns is called between two waits. */
function setUp(poller: Poller): (now: number) => void {
  const nothing = (): void => undefined
  switch (job.kind) {
    case 'udp':
      serveUdpEcho(poller, job.backendPort)
      return udpPingPong(poller, meter, job)
    case 'bulk':
      serveBulk(poller, job.backendPort)
      drain(poller, meter, job)
      return nothing
    case 'http':
    case 'http-connect':
    case 'http-idle':
      setUpHttp(poller)
      return nothing
    default:
      if (job.backendPort !== 0) serveEcho(poller, job.backendPort)
  }
  if (job.kind === 'ping-pong') pingPong(poller, meter, job)
  else if (job.kind === 'connect') connectAgain(poller, meter, job)
  else holdIdle(poller, meter, job, () => console.log('held'))
  return nothing
}

function setUpHttp(poller: Poller): void {
  if (job.backendPort !== 0) serveHttp(poller, job.backendPort, job.messageBytes)
  if (job.kind === 'http') requestAgain(poller, meter, job)
  else if (job.kind === 'http-connect') connectAndRequest(poller, meter, job)
  else holdHttp(poller, meter, job, () => console.log('held'))
}
