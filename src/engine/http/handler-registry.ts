/**
 * Files that hold fetch functions: found, loaded once per content, and taken anew when their content has
 * changed.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { ConfError } from '../conf/diagnostics.ts'
import type { Directive } from '../conf/tree.ts'
import type { CompileSession } from '../core/compile-session.ts'
import { contentDigest, dependOnFile, versionedUrl } from '../core/file-dependencies.ts'
import type { FetchFunction } from './fetch-handler.ts'

/** A function that is there once the session was prepared. */
export interface LoadedHandler {
  current: FetchFunction | undefined
}

/** By path and content: two locations with one file share what it holds. */
const loaded = new Map<string, Promise<FetchFunction>>()

/** Loads the handler that a directive names while the session is prepared. Throws for a file that is not there. */
export function loadHandler(text: string, node: Directive, session: CompileSession): LoadedHandler {
  const path = findFile(text, session)
  dependOnFile(node, path)
  const digest = digestOf(path)
  const handler: LoadedHandler = { current: undefined }
  session.onPrepare(async () => {
    try {
      handler.current = await importHandler(path, digest)
    } catch (error) {
      if (error instanceof ConfError) session.fail(error.message, node)
      throw error
    }
  })
  return handler
}

function findFile(text: string, session: CompileSession): string {
  for (const path of [session.prefixPath(text), session.confPath(text)]) {
    if (existsSync(path)) return path
  }
  try {
    return createRequire(join(session.prefix, 'package.json')).resolve(text)
  } catch {
    throw new ConfError(
      `handler "${text}" was found neither as a file of "${session.prefix}" or "${session.confPrefix}" nor as a package`,
    )
  }
}

function digestOf(path: string): string {
  try {
    return contentDigest(path)
  } catch (error) {
    throw new ConfError(`handler "${path}" cannot be read: ${(error as Error).message}`)
  }
}

async function importHandler(path: string, digest: string): Promise<FetchFunction> {
  const url = versionedUrl(path, digest)
  const known = loaded.get(url)
  if (known !== undefined) return known
  const promise = importFetch(url, path)
  loaded.set(url, promise)
  try {
    return await promise
  } catch (error) {
    loaded.delete(url)
    throw error
  }
}

async function importFetch(url: string, path: string): Promise<FetchFunction> {
  let exported: Record<string, unknown>
  try {
    exported = (await import(url)) as Record<string, unknown>
  } catch (error) {
    throw new ConfError(`handler "${path}" cannot be loaded: ${(error as Error).message}`)
  }
  const found = fetchOf(exported['default']) ?? fetchOf(exported)
  if (found === undefined) {
    throw new ConfError(
      `handler "${path}" exports no fetch function: give it as default or "fetch"`,
    )
  }
  return found
}

/** A function, or an object with a `fetch` method such as a Hono app. */
function fetchOf(value: unknown): FetchFunction | undefined {
  if (typeof value === 'function') return value as FetchFunction
  if (typeof value !== 'object' || value === null) return undefined
  const { fetch: method } = value as { readonly fetch?: unknown }
  if (typeof method !== 'function') return undefined
  return (request) => method.call(value, request) as ReturnType<FetchFunction>
}
