/** The copilots that are built in. */

/** A copilot of our own: where it is, and what others are asked for when their file is looked at. */
export interface BuiltInCopilot {
  /** File of `src/engine/copilots`, without ending. */
  readonly file: string
  readonly ignoreReload: boolean
}

/** The one through which configurations are changed. */
export const controlModule = 'helper_ctrl_module'

/** By the name of the module that a `helper` line gives. */
export const builtInCopilots: Readonly<Record<string, BuiltInCopilot>> = {
  helper_broker_module: { file: 'broker', ignoreReload: true },
  [controlModule]: { file: 'ctrl', ignoreReload: false },
  helper_telemetry_module: { file: 'telemetry', ignoreReload: false },
}
