/**
 * Changes through the general door, answered with the HTTP status that says how it went.
 *
 * ```text
 *   400 not of its form    404 no such place    409 something stands there already, or another was quicker
 *   412 not the configuration that "If-Match" names    422 the engine refuses it    500 no answer in time
 * ```
 */
import { type ApiRequest, json, withRevision } from './api.ts'
import { DoorFault } from './door-fault.ts'
import { Draft } from './draft.ts'
import type { Origins } from './origins.ts'
import type { ChangeResult, ControlPlane, RunningVersion } from './plane.ts'
import { Refusal, type Reply, replyCodes, success } from './refusal.ts'

/** Names the running configuration, files and all changes. */
export function entityTag({ revision, files }: RunningVersion): string {
  return `"${revision}.${files}"`
}

/** Works a change out on a draft and has it made. */
export async function changeThroughDoor(
  request: ApiRequest,
  plane: ControlPlane,
  write: (draft: Draft) => void,
): Promise<Response> {
  const { action, actor, dryRun, timeoutMs, headers } = request
  const wanted = headers.get('if-match') ?? undefined
  let fault: Refusal | undefined
  let origins: Origins | undefined
  try {
    const version = plane.version()
    const result = await plane.change({
      edits: (state) => {
        fault = undefined
        try {
          checkVersion(plane.version(), wanted)
          const draft = new Draft(state)
          origins = draft.origins
          write(draft)
          return draft.edits()
        } catch (error) {
          if (error instanceof Refusal) fault = error
          throw error
        }
      },
      ...(wanted !== undefined && wanted !== '*' && { onRevision: version.revision }),
      action,
      actor,
      dryRun,
      timeoutMs,
    })
    if (fault !== undefined) return faultResponse(fault)
    return result.kind === 'refused'
      ? refusedResponse(origins?.replyOf(result.reply) ?? result.reply)
      : resultResponse(result, plane, dryRun)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return faultResponse(error)
  }
}

/** An answer for what was refused before the engine was asked. */
export function faultResponse(fault: Refusal): Response {
  return json(fault instanceof DoorFault ? fault.status : 422, fault.reply)
}

function checkVersion(version: RunningVersion, wanted: string | undefined): void {
  if (wanted === undefined || wanted.trim() === '*') return
  const tag = entityTag(version)
  // What is shown in another form is the same configuration.
  const known = wanted.split(',').map((one) => one.trim().replace(/\.json"$/, '"'))
  if (known.includes(tag)) return
  throw new DoorFault(412, `the configuration is not that one any more, but ${tag}`)
}

function refusedResponse(reply: Reply): Response {
  const isConflict = reply.code === replyCodes.stale || reply.code === replyCodes.notAllowed
  return json(isConflict ? 409 : 422, reply)
}

function resultResponse(
  result: Exclude<ChangeResult, { readonly kind: 'refused' }>,
  plane: ControlPlane,
  dryRun: boolean,
): Response {
  if (result.kind === 'timeout') return json(500, { code: 500, msg: 'rpc timeout' })
  const { revision } = result
  // Not as a field: whoever sends "If-Match" would have it compared with that, too.
  const etag = entityTag({ ...plane.version(), revision })
  const text = JSON.stringify({ ...success, revision, etag, dry_run: dryRun })
  const response = new Response(text, { headers: { 'content-type': 'application/json' } })
  return withRevision(response, revision)
}
