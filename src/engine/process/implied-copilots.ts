/**
 * Copilots that run without a `helper` line, because a directive is of no use without them.
 *
 * `opentelemetry_config` is all that the OpenTelemetry module for nginx asks for; here a copilot does the
 * exporting, and whoever brings such a configuration need not know.
 */
import { findDirective } from '../conf/block.ts'
import type { Directive } from '../conf/tree.ts'
import { loadName } from '../control/loaded-modules.ts'
import type { HelperLine } from './modules/main.ts'

const telemetryModule = 'helper_telemetry_module'

/** Of `http`; where it stands, its copilot runs. */
export const implyingDirective = 'opentelemetry_config'

/** Lines to be added to those that the configuration has. */
export function impliedCopilots(
  tree: Directive,
  written: readonly HelperLine[],
): readonly HelperLine[] {
  const http = findDirective(tree.block, 'http')
  const wanted = findDirective(http?.block, implyingDirective) !== undefined
  const there = written.some(({ module }) => loadName(module) === telemetryModule)
  return wanted && !there ? [{ tag: 'telemetry', module: telemetryModule, conf: undefined }] : []
}
