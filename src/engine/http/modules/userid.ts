/** `userid*`: a cookie that tells one browser from another. */
import { oneOf, text } from '../../modules/value-types.ts'
import { cookieValue } from '../core-variables.ts'
import { defineHttpModule, type HttpModule } from '../module.ts'
import type { Request } from '../request.ts'
import {
  cookieTime,
  createUserId,
  decodeUserId,
  formatUserId,
  isEmptyUserId,
  parseUserId,
  userIdChars,
} from '../user-id.ts'
import {
  domainType,
  expiresType,
  flagsType,
  markType,
  p3pType,
  serviceType,
} from '../user-id-values.ts'

export interface HttpUseridConf {
  readonly userid: 'on' | 'v1' | 'log' | 'off'
  readonly userid_domain: string
  /** Seconds; `Infinity` for as long as can be told, 0 for as long as the browser runs. */
  readonly userid_expires: number
  readonly userid_flags: string
  readonly userid_mark: string
  readonly userid_name: string
  readonly userid_p3p: string
  readonly userid_path: string
  readonly userid_service: number | undefined
}

const contexts = ['http', 'http.server', 'http.location'] as const

export const httpUserid: HttpModule<HttpUseridConf> = defineHttpModule<HttpUseridConf>({
  id: 'http.userid',
  directives: {
    userid: {
      contexts,
      args: [1, 1],
      syntax: 'userid on | v1 | log | off',
      value: oneOf('on', 'v1', 'log', 'off'),
      default: 'off',
      doc: 'Gives browsers a cookie with an identifier, or only reads it for the log.',
    },
    userid_domain: {
      contexts,
      args: [1, 1],
      syntax: 'userid_domain name | none',
      value: domainType,
      default: '',
      doc: 'Sets the domain of the cookie.',
    },
    userid_expires: {
      contexts,
      args: [1, 1],
      syntax: 'userid_expires time | max | off',
      value: expiresType,
      default: 0,
      doc: 'Sets how long browsers keep the cookie.',
    },
    userid_flags: {
      contexts,
      args: [1, Infinity],
      syntax: 'userid_flags off | flag ...',
      value: flagsType,
      default: '',
      doc: 'Sets flags of the cookie: secure, httponly, samesite=strict, samesite=lax, samesite=none.',
    },
    userid_mark: {
      contexts,
      args: [1, 1],
      syntax: 'userid_mark letter | digit | = | off',
      value: markType,
      default: '',
      doc: 'Sets a mark; cookies with another one are sent anew, with the same identifier.',
    },
    userid_name: {
      contexts,
      args: [1, 1],
      syntax: 'userid_name name',
      value: text,
      default: 'uid',
      doc: 'Sets the name of the cookie.',
    },
    userid_p3p: {
      contexts,
      args: [1, 1],
      syntax: 'userid_p3p string | none',
      value: p3pType,
      default: '',
      doc: 'Sets a value of the field "P3P" that goes with the cookie.',
    },
    userid_path: {
      contexts,
      args: [1, 1],
      syntax: 'userid_path path',
      value: text,
      default: '/',
      doc: 'Sets the path of the cookie.',
    },
    userid_service: {
      contexts,
      args: [1, 1],
      syntax: 'userid_service number',
      value: serviceType,
      default: undefined,
      doc: 'Sets the number of this server in identifiers; else it is taken from its address.',
    },
  },
  variables: {
    uid_got: { get: gotText, doc: 'The identifier that the client has sent.' },
    uid_set: { get: setText, doc: 'The identifier that the client is given.' },
    uid_reset: {
      get: () => undefined,
      changeable: true,
      doc: 'Set to what is neither empty nor "0", the client is given a new identifier.',
    },
  },
  idle: true,
  hooks: {
    headerFilter: (conf, { variables, node }) => {
      if (conf.userid !== 'on' && conf.userid !== 'v1') return undefined
      const slot = variables.use('$uid_set', node)
      return (request) => sendCookie(request, conf, slot)
    },
  },
})

function confOf({ location }: Request): HttpUseridConf {
  return location.scope.conf(httpUserid)
}

/** What the client has sent, where it is an identifier. */
function gotId(request: Request, conf: HttpUseridConf): Buffer | undefined {
  const cookie = cookieValue(request, conf.userid_name.toLowerCase())
  if (cookie === undefined) return undefined
  if (cookie.length < userIdChars) {
    request.logError(`client sent too short userid cookie "${conf.userid_name}=${cookie}"`)
    return undefined
  }
  const id = decodeUserId(cookie)
  if (id === undefined)
    request.logError(`client sent invalid userid cookie "${conf.userid_name}=${cookie}"`)
  return id === undefined || isEmptyUserId(id) ? undefined : id
}

function gotText(request: Request): string | undefined {
  const conf = confOf(request)
  const id = conf.userid === 'off' ? undefined : gotId(request, conf)
  return id && `${conf.userid_name}=${formatUserId(id)}`
}

/** Worked out once a request: the variable's value is what the cookie is made of. */
function setText(request: Request): string | undefined {
  const conf = confOf(request)
  if (conf.userid !== 'on' && conf.userid !== 'v1') return undefined
  const id = idToSet(request, conf, conf.userid)
  return id && `${conf.userid_name}=${formatUserId(id)}`
}

function idToSet(request: Request, conf: HttpUseridConf, version: 'on' | 'v1'): Buffer | undefined {
  const got = gotId(request, conf)
  if (got === undefined || isReset(request, conf, got)) {
    return createUserId(version, conf.userid_service, request.connection.socket.local)
  }
  return isMarked(request, conf) ? undefined : got
}

function isReset(request: Request, conf: HttpUseridConf, got: Buffer): boolean {
  const reset = request.get(request.variables.names.slot('uid_reset'))
  if (reset === undefined || reset === '' || reset === '0') return false
  if (reset === 'log') {
    const was = `${conf.userid_name}=${formatUserId(got)}`
    request.logError(`userid cookie "${was}" was reset`, 'notice')
  }
  return true
}

/** Whether the cookie has the mark that is wanted, or none is. */
function isMarked(
  request: Request,
  { userid_name: name, userid_mark: wanted }: HttpUseridConf,
): boolean {
  if (wanted === '') return true
  const cookie = cookieValue(request, name.toLowerCase()) ?? ''
  return cookie[userIdChars] === wanted && cookie[userIdChars + 1] === '='
}

function sendCookie(request: Request, conf: HttpUseridConf, slot: number): void {
  if (request.parent !== undefined) return
  const given = request.get(slot)
  if (given === undefined) return
  const id = parseUserId(given.slice(conf.userid_name.length + 1)).toString('base64')
  const marked = conf.userid_mark === '' ? id : `${id.slice(0, userIdChars)}${conf.userid_mark}=`
  let cookie = `${conf.userid_name}=${marked}`
  if (conf.userid_expires === Infinity) cookie += '; expires=Thu, 31-Dec-37 23:55:55 GMT'
  else if (conf.userid_expires > 0) {
    cookie += `; expires=${cookieTime(Date.now() + conf.userid_expires * 1000)}`
  }
  cookie += `${conf.userid_domain}; path=${conf.userid_path}${conf.userid_flags}`
  request.response.add('Set-Cookie', cookie)
  if (conf.userid_p3p !== '') request.response.add('P3P', conf.userid_p3p)
}
