/**
 * Free ports, reserved across the test processes that run side by side.
 *
 * Asking the kernel for port 0 and closing the socket again leaves a gap in which an outgoing connection
 * or another test may take the port. These ports lie below the kernel's ephemeral range, and a file per
 * port, holding the pid of its owner, keeps other test processes away.
 */
import { mkdirSync, openSync, readFileSync, rmSync, writeSync, closeSync } from 'node:fs'
import { createServer } from 'node:net'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const portLimits = {
  /** Linux hands out 32768 to 60999 itself; services known by name mostly sit below 10000. */
  lowest: 11_000,
  highest: 31_999,
  triesMax: 2_000,
} as const

const folder = join(tmpdir(), `trijet-test-ports-${process.getuid?.() ?? 0}`)
const mine = new Set<string>()

process.once('exit', () => {
  for (const file of mine) rmSync(file, { force: true })
})

/** A port on which neither TCP nor UDP listens; it stays reserved until this process ends. */
export async function freePort(): Promise<number> {
  mkdirSync(folder, { recursive: true })
  const span = portLimits.highest - portLimits.lowest + 1
  for (let tries = 0; tries < portLimits.triesMax; tries++) {
    const port = portLimits.lowest + Math.floor(Math.random() * span)
    if (reserve(port) && (await isFree(port))) return port
  }
  throw new Error(`no free port in ${portLimits.triesMax} tries`)
}

/** Several different ports. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) ports.push(await freePort())
  return ports
}

function reserve(port: number): boolean {
  const file = join(folder, String(port))
  if (mine.has(file)) return false
  if (!create(file)) {
    if (ownerLives(file)) return false
    rmSync(file, { force: true })
    if (!create(file)) return false
  }
  mine.add(file)
  return true
}

function create(file: string): boolean {
  try {
    const fd = openSync(file, 'wx')
    writeSync(fd, String(process.pid))
    closeSync(fd)
    return true
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw failure
  }
}

function ownerLives(file: string): boolean {
  try {
    const pid = Number(readFileSync(file, 'utf8'))
    // An empty file belongs to a process between its open and its write.
    if (pid > 0) process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function isFree(port: number): Promise<boolean> {
  try {
    const tcp = createServer().listen(port, '::')
    await once(tcp, 'listening')
    tcp.close()
    await once(tcp, 'close')
    const udp = createSocket('udp6').bind(port, '::')
    await once(udp, 'listening')
    udp.close()
    await once(udp, 'close')
    return true
  } catch {
    return false
  }
}
