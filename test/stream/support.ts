/** Runs a stream configuration within the test's process. */
import { ModuleTable } from '../../src/engine/core/module-table.ts'
import { streamModules } from '../../src/engine/stream/built-in-modules.ts'
import type { StreamPart } from '../../src/engine/stream/part.ts'
import { createStreamSubsystem, type StreamSubsystem } from '../../src/engine/stream/subsystem.ts'
import type { Owner } from '../support/scope.ts'
import { refusalBy, startRunner, SubsystemRunner } from '../support/subsystem-runner.ts'
import { makeTempPrefix, type Files, type TempPrefix } from '../support/temp-prefix.ts'

const table = new ModuleTable(streamModules)

export class StreamRunner extends SubsystemRunner<StreamPart, StreamSubsystem> {
  constructor(prefix: TempPrefix) {
    super(prefix, { table, create: createStreamSubsystem })
  }

  get engine(): StreamSubsystem['engine'] {
    return this.subsystem.engine
  }
}

/** Starts the engine on the body of a `stream` block. */
export async function startStream(
  owner: Owner,
  stream: string,
  files: Files = {},
): Promise<StreamRunner> {
  return startRunner(owner, new StreamRunner(makeTempPrefix(owner, files)), stream)
}

/** The messages with which a configuration is refused, as `nginx -t` would print them. */
export async function refusalOf(owner: Owner, stream: string): Promise<readonly string[]> {
  return refusalBy(owner, new StreamRunner(makeTempPrefix(owner)), stream)
}
