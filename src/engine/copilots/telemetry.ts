/**
 * The telemetry copilot: takes the records that workers leave of their requests, and exports them as
 * traces and metrics over OTLP.
 *
 * ```text
 *   worker ── appends ──▶ ring in shared memory ──▶ this process ── OTLP/HTTP ──▶ collector
 * ```
 *
 * Where and how is said by the file of `opentelemetry_config`, as the configuration in force has it; a file
 * on the `helper` line goes before it. It is the last to be stopped, so that nothing of a request that was
 * answered is missing.
 */
import { readFileSync } from 'node:fs'
import { parseTelemetrySettings, type TelemetrySettings } from '../http/telemetry/settings-file.ts'
import { type Copilot, type CopilotContext, defineCopilot } from '../process/copilot.ts'
import { logDiagnostics } from './telemetry/exporters.ts'
import { Pipeline } from './telemetry/pipeline.ts'
import { Subject } from './telemetry/subject.ts'

export const copilot: Copilot = defineCopilot({
  version: 1,
  run: async (context) => {
    logDiagnostics(context.log)
    const exporting = new Exporting(context)
    context.master.follow(exporting.subject)
    await Promise.race([exporting.subject.loaded, aborted(context.signal)])
    if (!context.signal.aborted) exporting.begin()
    for await (const command of context.commands) if (command === 'restart') exporting.look()
    await exporting.end()
  },
})

/** Keeps the pipeline that the configuration in force asks for. */
class Exporting {
  readonly subject: Subject
  readonly #context: CopilotContext
  /** Steps are made one after the other. */
  #last: Promise<void> = Promise.resolve()
  #begun = false
  #pipeline: Pipeline | undefined
  /** What the pipeline was made of. */
  #text: string | undefined

  constructor(context: CopilotContext) {
    this.#context = context
    this.subject = new Subject(() => this.look())
  }

  begin(): void {
    this.#begun = true
    this.look()
  }

  /** Looks at the settings, and takes them into use where they are others. */
  look(): void {
    if (this.#begun) this.#last = this.#last.then(() => this.#use(this.#read()))
  }

  async end(): Promise<void> {
    await this.#last
    await this.#pipeline?.close()
  }

  #read(): string | undefined {
    const path = this.#context.confFile ?? this.subject.settingsFile
    if (path === undefined) return undefined
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      this.#context.log.write('error', `telemetry: ${(error as Error).message}`)
      return this.#text
    }
  }

  async #use(text: string | undefined): Promise<void> {
    if (text === this.#text && (text === undefined) === (this.#pipeline === undefined)) return
    const { log } = this.#context
    try {
      const settings = text === undefined ? undefined : parseTelemetrySettings(text)
      await this.#pipeline?.close()
      this.#pipeline = undefined
      this.#text = text
      if (settings === undefined) log.write('notice', 'telemetry: nothing is to be exported')
      else await this.#start(settings)
    } catch (error) {
      // The workers have judged the file already; it was changed since.
      log.write('error', `telemetry: ${(error as Error).message}`)
    }
  }

  async #start(settings: TelemetrySettings): Promise<void> {
    const { log } = this.#context
    const { url, protocol } = settings.exporter
    this.#pipeline = await Pipeline.start(settings, { rings: this.subject.rings, log })
    log.write('notice', `telemetry: exporting to ${url ?? 'the usual collector'} (${protocol})`)
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => resolve(), { once: true })
  await promise
}
