/** Runs an HTTP configuration within the test's process. */
import { ModuleTable } from '../../src/engine/core/module-table.ts'
import { httpModules } from '../../src/engine/http/built-in-modules.ts'
import type { HttpPart } from '../../src/engine/http/part.ts'
import { createHttpSubsystem, type HttpSubsystem } from '../../src/engine/http/subsystem.ts'
import type { Owner } from '../support/scope.ts'
import { refusalBy, startRunner, SubsystemRunner } from '../support/subsystem-runner.ts'
import { makeTempPrefix, type Files, type TempPrefix } from '../support/temp-prefix.ts'

const table = new ModuleTable(httpModules)

export class HttpRunner extends SubsystemRunner<HttpPart, HttpSubsystem> {
  /** What requests find in the key/value store. */
  readonly keyValues: Map<string, string>
  readonly #draws: { chance: () => number }

  constructor(prefix: TempPrefix) {
    const keyValues = new Map<string, string>()
    const draws = { chance: Math.random }
    super(prefix, {
      table,
      create: (services) =>
        createHttpSubsystem({
          ...services,
          product: { name: 'trijet', version: '0.0.0' },
          keyValues: { get: (name) => keyValues.get(name) },
          chance: () => draws.chance(),
        }),
      close: ({ engine }) => engine.close(),
    })
    this.keyValues = keyValues
    this.#draws = draws
  }

  get engine(): HttpSubsystem['engine'] {
    return this.subsystem.engine
  }

  /** Decides for percentages; tests put a generator of their own in place. */
  set chance(chance: () => number) {
    this.#draws.chance = chance
  }
}

/** Starts the engine on the body of a `http` block. */
export async function startHttp(
  owner: Owner,
  http: string,
  files: Files = {},
): Promise<HttpRunner> {
  return startRunner(owner, new HttpRunner(makeTempPrefix(owner, files)), http)
}

/** The messages with which a configuration is refused, as `nginx -t` would print them. */
export async function refusalOf(owner: Owner, http: string): Promise<readonly string[]> {
  return refusalBy(owner, new HttpRunner(makeTempPrefix(owner)), http)
}
