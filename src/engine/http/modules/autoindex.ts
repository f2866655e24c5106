/** `autoindex`: a folder without an index file is answered with the list of what lies in it. */
import { flag, oneOf } from '../../modules/value-types.ts'
import { jsonList, jsonpList, xmlList } from '../autoindex/data-list.ts'
import { type FolderEntry, listFolder } from '../autoindex/folder-list.ts'
import { htmlList } from '../autoindex/html-list.ts'
import { queryArgument } from '../core-variables.ts'
import { folderOf } from '../file-index.ts'
import type { FileOpener } from '../file-opener.ts'
import { methods } from '../methods.ts'
import { defineHttpModule, type HttpModule, outcomes } from '../module.ts'
import { logFileError, statusOfError } from '../open-file.ts'
import type { Request } from '../request.ts'
import { openerOf } from './files.ts'

export interface HttpAutoindexConf {
  readonly autoindex: boolean
  readonly autoindex_exact_size: boolean
  readonly autoindex_localtime: boolean
  readonly autoindex_format: Format
}

type Format = 'html' | 'json' | 'jsonp' | 'xml'

const everywhere = ['http', 'http.server', 'http.location'] as const

const types = {
  html: 'text/html',
  json: 'application/json',
  jsonp: 'application/javascript',
  xml: 'text/xml',
} as const satisfies Record<Format, string>

export const httpAutoindex: HttpModule<HttpAutoindexConf> = defineHttpModule<HttpAutoindexConf>({
  id: 'http.autoindex',
  idle: true,
  directives: {
    autoindex: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'autoindex on | off',
      value: flag,
      default: false,
      doc: 'Lists folders that have no index file.',
    },
    autoindex_exact_size: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'autoindex_exact_size on | off',
      value: flag,
      default: true,
      doc: 'Shows sizes in bytes; "off" rounds them to kilobytes, megabytes and gigabytes.',
    },
    autoindex_localtime: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'autoindex_localtime on | off',
      value: flag,
      default: false,
      doc: 'Shows times of the local zone instead of UTC.',
    },
    autoindex_format: {
      contexts: everywhere,
      args: [1, 1],
      syntax: 'autoindex_format html | xml | json | jsonp',
      value: oneOf('html', 'json', 'jsonp', 'xml'),
      default: 'html',
      doc: 'Sets how the list is written.',
    },
  },
  hooks: {
    fallbackContent: (conf, env) => {
      if (!conf.autoindex) return undefined
      const opener = openerOf(env)
      return (request) => answerList(request, conf, opener)
    },
  },
})

function answerList(request: Request, conf: HttpAutoindexConf, opener: FileOpener): number {
  const { method } = request
  if (!request.uri.endsWith('/')) return outcomes.next
  if (method !== methods.get && method !== methods.head) return outcomes.next
  const callback = conf.autoindex_format === 'jsonp' ? callbackOf(request) : ''
  if (callback === undefined) return 400
  const folder = folderOf(request, opener)
  if (typeof folder === 'number') return folder
  void list(request, folder, { conf, callback })
  return outcomes.done
}

interface ListOptions {
  readonly conf: HttpAutoindexConf
  /** Name of the function for JSONP; without one it is plain JSON. */
  readonly callback: string
}

/** The name that the client gives; `undefined` for what could be more than a name. */
function callbackOf(request: Request): string | undefined {
  const callback = queryArgument(request.args, 'callback') ?? ''
  if (/^[\w.]*$/.test(callback)) return callback
  request.logError(`client sent invalid callback name: "${callback}"`, 'info')
  return undefined
}

async function list(request: Request, folder: string, options: ListOptions): Promise<void> {
  const { generation } = request
  const entries = await listFolder(folder).catch((error: NodeJS.ErrnoException) => error)
  if (request.generation !== generation || request.finished) return
  if (entries instanceof Error) {
    const errno = entries.errno ?? 0
    logFileError(request, 'opendir', folder, errno)
    request.resume(statusOfError(errno))
    return
  }
  const { carrier } = request
  carrier.cork()
  const refusal = sendList(request, entries, options)
  if (refusal !== 0) request.finalize(refusal)
  carrier.uncork()
}

function sendList(
  request: Request,
  entries: readonly FolderEntry[],
  { conf, callback }: ListOptions,
): number {
  const { response } = request
  const asked = conf.autoindex_format
  const format = asked === 'jsonp' && callback === '' ? 'json' : asked
  response.status = 200
  response.contentType = types[format]
  if (format === 'xml') response.charset = 'utf-8'
  const refusal = request.sendHead()
  if (refusal !== 0) return refusal
  if (!response.headOnly) {
    const text = {
      html: () => htmlText(request, entries, conf),
      json: () => jsonList(entries),
      jsonp: () => jsonpList(entries, callback),
      xml: () => xmlList(entries),
    }[format]()
    request.write(Buffer.from(text, 'latin1'))
  }
  request.end()
  return 0
}

function htmlText(
  request: Request,
  entries: readonly FolderEntry[],
  conf: HttpAutoindexConf,
): string {
  // Charset is set by now, by whichever filter knows it.
  const utf8 = request.response.charset?.toLowerCase() === 'utf-8'
  return htmlList(Buffer.from(request.uri).toString('latin1'), entries, {
    exactSize: conf.autoindex_exact_size,
    localTime: conf.autoindex_localtime,
    utf8,
  })
}
