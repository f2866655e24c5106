/** Finds where a request goes: to the group that was compiled, or to what a text of variables names now. */
import type { UpstreamCell } from '../../modules/upstreams/upstream-cells.ts'
import type { Group } from '../../upstream/group.ts'
import type { Request } from '../request.ts'
import type { ProxySettings } from './settings.ts'
import type { ProxyUrl } from './target.ts'
import { composeTarget, safeTarget } from './target-path.ts'

export interface TargetSink {
  /** `cell` where the group has a name. */
  onTarget(url: ProxyUrl, group: Group, cell: UpstreamCell | undefined): void
  /** There is none; the status says why. */
  onNoTarget(status: number): void
}

/** Tells the sink, at once or when a name was looked up; never once the request is over. */
export function findTarget(request: Request, settings: ProxySettings, sink: TargetSink): void {
  const { url, cell } = settings
  if (url !== undefined) sink.onTarget(url, cell!.current, cell)
  else findDynamic(request, settings, sink)
}

function findDynamic(request: Request, { parseUrl, pass }: ProxySettings, sink: TargetSink): void {
  const text = pass.evaluate(request)
  const url = parseUrl(text)
  if (url === undefined) {
    request.logError(`invalid URL prefix in "${text}"`)
    sink.onNoTarget(500)
    return
  }
  const { engine } = request.connection
  const cell = engine.part!.upstreams.cell(url.target)
  if (cell !== undefined) {
    sink.onTarget(url, cell.current, cell)
    return
  }
  const tell = (found: Group | number): void => {
    if (typeof found === 'number') sink.onNoTarget(found)
    else sink.onTarget(url, found, undefined)
  }
  const found = engine.dynamicTargets.find(request, url, tell)
  if (found !== undefined) tell(found)
}

/** The target that is sent; `undefined` for the client's own. */
export function targetOf(
  request: Request,
  settings: ProxySettings,
  { uri }: ProxyUrl,
): string | undefined {
  if (uri === '' && request.plainUri && request.parent === undefined) return undefined
  if (uri !== '' && settings.url === undefined) return safeTarget(uri)
  return composeTarget(request, uri, settings.cut)
}
