/** The door of the control plane as directives, and what stands behind it as handlers of locations. */
import { ConfError } from '../conf/diagnostics.ts'
import type { ValueType } from '../core/module.ts'
import type { Scope } from '../core/scope.ts'
import { fetchHandler, type FetchContext } from '../http/fetch-handler.ts'
import { defineHttpModule, type HttpModule } from '../http/module.ts'
import { type AuditLog } from './access/audit-log.ts'
import { admit, type CertificateRule, type Door, type DoorPolicy } from './access/admission.ts'
import type { Redaction } from './access/redaction.ts'
import { type Access, type Grant, limitFault, toScope } from './access/grant.ts'
import { json } from './api.ts'
import { auditEntry } from './audit-entry.ts'

interface ControlAccessConf {
  readonly api_loopback: Grant | undefined
  readonly api_certificate: readonly CertificateRule[]
}

/** Who comes in, what is written down of that, and what is kept from whoever may not see it. */
export interface Entrance {
  readonly door: Door
  readonly audit: AuditLog
  readonly redaction: Redaction
}

export type GuardedFunction = (
  request: Request,
  caller: { readonly remoteAddress: string; readonly access: Access },
) => Response | Promise<Response>

const contexts = ['http', 'http.server', 'http.location'] as const

const loopbackScope: ValueType<Grant | undefined> = {
  describe: 'admin | change | read | off',
  parse: ([text]) =>
    text === 'off' ? undefined : { scope: scopeOf(text), paths: [], methods: [] },
}

const certificateRule: ValueType<readonly CertificateRule[]> = {
  describe: 'subject | * scope',
  parse: ([subject = '', scope, ...limits]) => {
    const paths = valuesOf(limits, 'path')
    const methods = valuesOf(limits, 'method')
    const fault = limitFault({ paths, methods })
    if (fault !== undefined) throw new ConfError(fault)
    return [{ subject, grant: { scope: scopeOf(scope), paths, methods } }]
  },
}

export const controlAccess: HttpModule<ControlAccessConf> = defineHttpModule<ControlAccessConf>({
  id: 'control.access',
  directives: {
    api_loopback: {
      contexts,
      args: [1, 1],
      syntax: 'api_loopback admin | change | read | off',
      value: loopbackScope,
      default: { scope: 'admin', paths: [], methods: [] },
      doc: 'What programs of this machine may do with the dynamic API that show neither token nor certificate.',
    },
    api_certificate: {
      contexts,
      args: [2, Infinity],
      syntax:
        'api_certificate subject | * read | change | admin [path=path ...] [method=method ...]',
      value: certificateRule,
      default: [],
      merge: (lists) => lists.flat(),
      doc: 'What clients may do with the dynamic API whose certificate was verified and has that subject, as in $ssl_client_s_dn.',
    },
  },
})

/** Lets those to a handler who may come in, and says who they are. */
export function guarded(
  serve: GuardedFunction,
  scope: Scope,
  { door, audit }: Entrance,
): ReturnType<typeof fetchHandler> {
  const policy = policyOf(scope)
  return fetchHandler(async (request, context) => {
    const { remoteAddress, localAddress } = context
    const visitor = { ...seen(context), peer: remoteAddress, local: localAddress }
    const admission = await admit(request, visitor, { door, policy })
    if (admission.kind === 'admitted') {
      return serve(request, { remoteAddress, access: admission.access })
    }
    const { status, msg, name } = admission
    const denial = json(status, { code: status, msg })
    if (status === 401) denial.headers.set('www-authenticate', 'Bearer realm="trijet"')
    const actor = { peer: remoteAddress, name }
    const subject = { url: new URL(request.url), method: request.method, actor }
    audit.write({ ...(await auditEntry(subject, denial)), outcome: 'denied' })
    return denial
  })
}

/** Read before anything is waited for: the connection may be another's afterwards. */
function seen({
  credentials,
  certificateSubject,
}: FetchContext): Pick<FetchContext, 'credentials' | 'certificateSubject'> {
  return { credentials, certificateSubject }
}

function policyOf(scope: Scope): DoorPolicy {
  const { api_loopback: loopback, api_certificate: certificates } = scope.conf(controlAccess)
  return { serverNames: serverNames(scope), certificates, loopback }
}

function serverNames(scope: Scope): readonly string[] {
  let server: Scope | undefined = scope
  while (server !== undefined && server.context !== 'http.server') server = server.parent
  return server?.own('server_name').flatMap(({ args }) => args) ?? []
}

function scopeOf(text: string | undefined): Grant['scope'] {
  const scope = toScope(text)
  if (scope === undefined) throw new ConfError(`invalid scope "${text}"`)
  return scope
}

function valuesOf(parameters: readonly string[], name: 'path' | 'method'): readonly string[] {
  const unknown = parameters.find((one) => !/^(?:path|method)=/.test(one))
  if (unknown !== undefined) throw new ConfError(`invalid parameter "${unknown}"`)
  return parameters
    .filter((one) => one.startsWith(`${name}=`))
    .map((one) => one.slice(name.length + 1))
}
