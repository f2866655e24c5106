/** Real Prometheus: it scrapes one target as often as it can, and is asked what it has understood. */
import assert from 'node:assert/strict'
import { freePort } from './ports.ts'
import { startProcess } from './process.ts'
import type { Owner } from './scope.ts'
import { makeTempPrefix } from './temp-prefix.ts'
import { until } from './wait.ts'

export interface PrometheusOptions {
  /** `127.0.0.1:8081/api/v2/metrics` */
  readonly target: string
  /** It asks for protobuf then. */
  readonly nativeHistograms: boolean
}

export interface InstantSample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: number
}

export class Prometheus {
  readonly #origin: string

  constructor(origin: string) {
    this.#origin = origin
  }

  /** What an expression gives now. */
  async query(expression: string): Promise<readonly InstantSample[]> {
    const url = `${this.#origin}/api/v1/query?query=${encodeURIComponent(expression)}`
    const answer = (await (await fetch(url)).json()) as {
      readonly status: string
      readonly error?: string
      readonly data: {
        readonly result: readonly {
          readonly metric: Readonly<Record<string, string>>
          readonly value: readonly [time: number, value: string]
        }[]
      }
    }
    assert.equal(answer.status, 'success', answer.error ?? expression)
    return answer.data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
  }

  /** The value of an expression that gives one, at most. */
  async value(expression: string): Promise<number | undefined> {
    const [sample, ...more] = await this.query(expression)
    assert.equal(more.length, 0, `one value of ${expression}`)
    return sample?.value
  }

  /** Waits until the target was scraped so that an expression has the value. */
  async sees(expression: string, value: number): Promise<void> {
    let last: number | undefined
    const isThere = async (): Promise<boolean> => {
      last = await this.value(expression)
      return last === value
    }
    await until(isThere, { what: `${expression} to be ${value}` }).catch(async (error: unknown) => {
      const targets = await (await fetch(`${this.#origin}/api/v1/targets?state=active`)).text()
      throw new Error(`${(error as Error).message}; it is ${last}: ${targets}`)
    })
  }
}

export async function startPrometheus(
  owner: Owner,
  { target, nativeHistograms }: PrometheusOptions,
): Promise<Prometheus> {
  const slash = target.indexOf('/')
  const prefix = makeTempPrefix(owner, {
    'conf/prometheus.yml': [
      'scrape_configs:',
      '  - job_name: engine',
      '    scrape_interval: 200ms',
      '    scrape_timeout: 200ms',
      `    metrics_path: ${target.slice(slash)}`,
      '    static_configs:',
      `      - targets: ['${target.slice(0, slash)}']`,
      '',
    ].join('\n'),
  })
  const address = `127.0.0.1:${await freePort()}`
  const prometheus = await startProcess(owner, [
    'prometheus',
    `--config.file=${prefix.file('conf/prometheus.yml')}`,
    `--storage.tsdb.path=${prefix.file('data')}`,
    `--web.listen-address=${address}`,
    ...(nativeHistograms ? ['--enable-feature=native-histograms'] : []),
  ])
  await prometheus.waitForOutput(/Server is ready to receive web requests/, { stream: 'stderr' })
  return new Prometheus(`http://${address}`)
}
