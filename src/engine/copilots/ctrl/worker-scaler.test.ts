import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configurationFromText } from '../../conf/includes.ts'
import { createDiskReader } from '../../conf/file-reader.ts'
import type { Directive } from '../../conf/tree.ts'
import type { ChangeResult, ProcessNote } from '../../control/plane.ts'
import type { Log } from '../../core/log.ts'
import { type LoadSources, type ScaledEngine, WorkerScaler } from './worker-scaler.ts'

/** A machine of four processors whose workers are as busy as is said. */
class Machine implements ScaledEngine {
  pids: number[] = [1, 2]
  readonly asked: number[] = []
  refuses = false
  readonly #used = new Map<number, number>()
  #time = 0
  #busy = 0

  readonly sources: LoadSources = {
    cpuTimes: () => ({ busy: this.#busy, total: this.#time * 4 }),
    processCpuMs: (pid) => this.#used.get(pid) ?? 0,
    now: () => this.#time,
  }

  /** A second in which each worker uses so much of a processor. */
  pass(percent: number, systemPercent = 0): void {
    this.#time += 1000
    this.#busy += 40 * systemPercent
    for (const pid of this.pids) this.#used.set(pid, (this.#used.get(pid) ?? 0) + percent * 10)
  }

  async processes(): Promise<readonly ProcessNote[]> {
    const note = (title: string, pid: number, state: ProcessNote['state']): ProcessNote => ({
      title,
      pid,
      state,
      restarts: 0,
    })
    const workers = this.pids.map((pid) => note('worker process', pid, 'serving'))
    return [...workers, note('worker process', 98, 'stopping'), note('ctrl', 99, 'serving')]
  }

  async setWorkers(count: number): Promise<ChangeResult> {
    this.asked.push(count)
    if (this.refuses) return { kind: 'refused', reply: { code: 4, msg: 'no room' } }
    this.pids = Array.from({ length: count }, (_, i) => i + 1)
    return { kind: 'done', revision: 1 }
  }
}

function treeOf(text: string): Directive {
  return configurationFromText(text, '/ctrl.conf', createDiskReader()).main
}

interface Started {
  readonly machine: Machine
  readonly scaler: WorkerScaler
  readonly said: string[]
}

async function start(text: string): Promise<Started> {
  const machine = new Machine()
  const said: string[] = []
  const log: Log = { write: (level, words) => said.push(`${level}: ${words}`), takes: () => true }
  const scaler = new WorkerScaler(machine, log, machine.sources)
  scaler.follow(treeOf(text))
  await settled()
  return { machine, scaler, said }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('the number of workers follows their load', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { machine, said, scaler } = await start(
    'sysguard_cpu interval=1s low_threshold=20 high_threshold=60 min_worker=1 max_worker=3;',
  )
  const second = async (percent: number, system?: number): Promise<void> => {
    machine.pass(percent, system)
    t.mock.timers.tick(1000)
    await settled()
  }
  await second(90)
  assert.deepEqual(machine.asked, [3])
  await second(90)
  await second(40)
  assert.deepEqual(machine.asked, [3], 'no more than may be')
  await second(5)
  await second(5)
  await second(5)
  assert.deepEqual(machine.asked, [3, 2, 1])
  await second(90, 95)
  assert.deepEqual(machine.asked, [3, 2, 1], 'the machine itself is busy')
  machine.refuses = true
  await second(90)
  assert.deepEqual(said.slice(-2), [
    'notice: sysguard_cpu: 1 to 2 workers: workers at 90%, machine at 0%',
    'error: sysguard_cpu: no room',
  ])
  scaler.stop()
  await second(90)
  assert.equal(machine.asked.length, 4)
})

test('without the directive nobody looks', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { machine, scaler } = await start('events {}')
  machine.pass(90)
  t.mock.timers.tick(1_000_000)
  await settled()
  assert.deepEqual(machine.asked, [])
  scaler.follow(treeOf('sysguard_cpu interval=1s max_worker=3;'))
  await settled()
  machine.pass(90)
  t.mock.timers.tick(1000)
  await settled()
  assert.deepEqual(machine.asked, [3])
  scaler.stop()
})
