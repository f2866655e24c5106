/** `random_index`: any file of a folder stands for it. */
import { randomInt } from 'node:crypto'
import { flag } from '../../modules/value-types.ts'
import { listFiles } from '../autoindex/folder-list.ts'
import { folderOf } from '../file-index.ts'
import type { FileOpener } from '../file-opener.ts'
import { methods } from '../methods.ts'
import { defineHttpModule, type HttpModule, outcomes } from '../module.ts'
import { logFileError, statusOfError } from '../open-file.ts'
import type { Request } from '../request.ts'
import { openerOf } from './files.ts'

export interface HttpRandomIndexConf {
  readonly random_index: boolean
}

export const httpRandomIndex: HttpModule<HttpRandomIndexConf> =
  defineHttpModule<HttpRandomIndexConf>({
    id: 'http.random_index',
    idle: true,
    directives: {
      random_index: {
        contexts: ['http.location'],
        args: [1, 1],
        syntax: 'random_index on | off',
        value: flag,
        default: false,
        doc: 'Answers with any of the files of a folder.',
      },
    },
    hooks: {
      fallbackContent: ({ random_index: on }, env) => {
        if (!on) return undefined
        const opener = openerOf(env)
        return (request) => choose(request, opener)
      },
    },
  })

function choose(request: Request, opener: FileOpener): number {
  const { method } = request
  const reads = method === methods.get || method === methods.head || method === methods.post
  if (!reads || !request.uri.endsWith('/')) return outcomes.next
  const folder = folderOf(request, opener)
  if (typeof folder === 'number') return folder
  void redirect(request, folder)
  return outcomes.done
}

async function redirect(request: Request, folder: string): Promise<void> {
  const { generation } = request
  const names = await listFiles(folder).catch((error: NodeJS.ErrnoException) => error)
  if (request.generation !== generation || request.finished) return
  if (names instanceof Error) {
    const errno = names.errno ?? 0
    logFileError(request, 'opendir', folder, errno)
    request.resume(statusOfError(errno))
    return
  }
  if (names.length === 0) {
    request.resume(outcomes.next)
    return
  }
  const name = Buffer.from(names[randomInt(names.length)]!, 'latin1').toString()
  request.resume(request.redirect(request.uri + name, request.args))
}
