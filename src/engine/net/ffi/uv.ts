/**
 * Node's own event loop (libuv), as its binary exports it: what is needed to wait in its place.
 *
 * Only of the main thread; a worker thread has a loop of its own.
 */
import { isMainThread } from 'node:worker_threads'
import type { System } from './libc.ts'

export interface NodeLoop {
  /** Readable while one of Node's own descriptors has something for it. */
  readonly descriptor: number
  /** Within an immediate: it is no reason for Node to stay awake from here on, as others are that wait. */
  letSleep(): void
  /** How long Node would sleep now, in milliseconds: not at all 0, until something happens -1. */
  timeoutMs(): number
  /** Runs what was put off with `nextTick` and by promises, as Node does after each of its own callbacks. */
  runQueues(): void
}

/** Throws where this Node does not offer its loop. */
export function openNodeLoop({ koffi }: System): NodeLoop {
  if (!isMainThread) throw new Error('sockets are driven by the main thread only')
  const library = koffi.load(null)
  const loop = library.func('uintptr_t uv_default_loop()')() as number
  const descriptorOf = library.func('int uv_backend_fd(uintptr_t)') as (loop: number) => number
  const updateTime = library.func('void uv_update_time(uintptr_t)') as (loop: number) => void
  const timeoutOf = library.func('int uv_backend_timeout(uintptr_t)') as (loop: number) => number
  return {
    descriptor: descriptorOf(loop),
    letSleep: () => clearImmediate(setImmediate(() => {})),
    timeoutMs: () => {
      updateTime(loop)
      return timeoutOf(loop)
    },
    // What Node runs between two immediates, kept for native code.
    runQueues: Reflect.get(process, '_tickCallback') as () => void,
  }
}
