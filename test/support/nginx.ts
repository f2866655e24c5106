/**
 * Real nginx, the oracle: run on a configuration, or asked for its opinion of one.
 */
import { existsSync } from 'node:fs'
import type { Owner } from './scope.ts'
import { processTree } from './process-tree.ts'
import { run, startProcess, type RunningProcess } from './process.ts'
import { makeTempPrefix, type Files, type TempPrefix } from './temp-prefix.ts'
import { until } from './wait.ts'

/** Bodies of the contexts; what is left out is not written. */
export interface NginxConf {
  /** In the main context, before the blocks. */
  readonly main?: string
  readonly events?: string
  readonly stream?: string
  readonly http?: string
  /** More files, relative to the prefix. */
  readonly files?: Files
  /** A prefix made before, with what the configuration includes. */
  readonly prefix?: TempPrefix
}

const confName = 'conf/nginx.conf'

/** Where Debian puts the stream module; elsewhere it may be built in, and no line is needed. */
const streamModule = '/usr/lib/nginx/modules/ngx_stream_module.so'

/** The configuration as a whole, able to run in any prefix without root's folders. */
export function nginxConfText({ main = '', events = '', stream, http }: NginxConf): string {
  const load = stream !== undefined && existsSync(streamModule)
  const temps = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const httpLines = [...temps.map((name) => `${name}_temp_path data/${name};`), http]
  return [
    ...(load ? [`load_module ${streamModule};`] : []),
    'pid logs/nginx.pid;',
    ...(/^\s*worker_processes\s/m.test(main) ? [] : ['worker_processes 1;']),
    ...(/^\s*error_log\s/m.test(main) ? [] : ['error_log logs/error.log notice;']),
    main,
    `events {\n${events}\n}`,
    ...(stream === undefined ? [] : [`stream {\n${stream}\n}`]),
    ...(http === undefined ? [] : [`http {\n${httpLines.join('\n')}\n}`]),
    '',
  ].join('\n')
}

export class Nginx {
  readonly prefix: TempPrefix
  readonly process: RunningProcess

  constructor(prefix: TempPrefix, process: RunningProcess) {
    this.prefix = prefix
    this.process = process
  }

  get pid(): number {
    return this.process.pid
  }

  get errorLog(): string {
    return this.prefix.read('logs/error.log')
  }

  /**
   * Writes another configuration and reloads; resolves when the old workers accept no more. Needs the
   * error log at `notice`, which is where it is unless `main` says otherwise.
   */
  async reload(conf?: NginxConf): Promise<void> {
    if (conf !== undefined) this.prefix.write(confName, nginxConfText(conf))
    const [, ...workers] = processTree(this.pid)
    this.process.signal('SIGHUP')
    const retired = (): boolean => {
      const log = this.errorLog
      return workers.every(({ pid }) => log.includes(`${pid}#${pid}: gracefully shutting down`))
    }
    await until(retired, { what: 'the old workers of nginx to retire' })
  }

  async stop(): Promise<void> {
    await this.process.stop('SIGTERM')
  }
}

/** Starts nginx and waits until it listens. */
export async function startNginx(owner: Owner, conf: NginxConf): Promise<Nginx> {
  const prefix = conf.prefix ?? makeTempPrefix(owner)
  for (const [name, content] of Object.entries(conf.files ?? {})) prefix.write(name, content)
  prefix.write(confName, nginxConfText(conf))
  const args = ['-p', prefix.path, '-c', prefix.file(confName), '-e', prefix.file('logs/error.log')]
  const command = ['nginx', ...args, '-g', 'daemon off;'] as const
  const running = await startProcess(owner, command)
  const nginx = new Nginx(prefix, running)
  // The master writes its pid only once every socket listens.
  const ready = (): boolean => {
    if (!running.running) throw new Error(`nginx did not start\n${running.said()}${nginx.errorLog}`)
    return prefix.read('logs/nginx.pid') !== ''
  }
  await until(ready, { what: 'the pid file of nginx' })
  return nginx
}

export interface NginxOpinion {
  readonly ok: boolean
  /** As printed, one per line: `[emerg] unknown directive "x" in conf/nginx.conf:3`. */
  readonly messages: readonly string[]
}

/** `nginx -t` on a text that is the whole configuration; the prefix's path is cut from the messages. */
export async function askNginx(
  owner: Owner,
  text: string | Uint8Array,
  files: Files = {},
): Promise<NginxOpinion> {
  const prefix = makeTempPrefix(owner, { ...files, [confName]: text })
  return askNginxAt(prefix)
}

/** The same in a prefix that is already there; for many questions in a row. */
export async function askNginxAt(prefix: TempPrefix): Promise<NginxOpinion> {
  const [conf, log] = [prefix.file(confName), prefix.file('logs/error.log')]
  const globals = `pid ${prefix.file('logs/test.pid')};`
  const { code, stderr } = await run(
    ['nginx', '-t', '-q', '-p', prefix.path, '-c', conf, '-e', log, '-g', globals],
    { cwd: prefix.path },
  )
  const messages = stderr
    .split('\n')
    .filter((line) => line.startsWith('nginx: ['))
    .map((line) => line.slice('nginx: '.length).replaceAll(`${prefix.path}/`, ''))
  return { ok: code === 0, messages }
}
