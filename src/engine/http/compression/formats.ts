/**
 * The formats that bodies are packed in, each through the fastest encoder of this machine.
 */
import {
  constants,
  createBrotliCompress,
  createGunzip,
  createGzip,
  createZstdCompress,
} from 'node:zlib'
import type { Request } from '../request.ts'
import { bindBrotli, BrotliCodecs, type BrotliSettings } from './brotli-codec.ts'
import { CodecFilter } from './codec-filter.ts'
import type { PackingFilter } from './packing-filter.ts'
import { TransformFilter } from './transform-filter.ts'
import { bindZlib, type DeflateSettings, ZlibCodecs } from './zlib-codec.ts'
import { bindZstd, ZstdCodecs } from './zstd-codec.ts'

/** Looks for an encoder when it is first needed; `undefined` where it cannot be called. */
function lazily<T>(create: () => T): () => T | undefined {
  let known: { readonly value: T | undefined } | undefined
  return () => (known ??= { value: attempt(create) }).value
}

function attempt<T>(create: () => T): T | undefined {
  try {
    return create()
  } catch {
    return undefined
  }
}

const zlib = lazily(() => new ZlibCodecs(bindZlib()))
const brotli = lazily(() => new BrotliCodecs(bindBrotli()))
const zstd = lazily(() => new ZstdCodecs(bindZstd()))

export function createGzipFilter(request: Request, settings: DeflateSettings): PackingFilter {
  const codecs = zlib()
  if (codecs !== undefined)
    return new CodecFilter('gzip', request, () => codecs.createDeflate(settings))
  const { level, windowBits, memoryLevel: memLevel } = settings
  return new TransformFilter('gzip', request, () => createGzip({ level, windowBits, memLevel }))
}

export function createGunzipFilter(request: Request): PackingFilter {
  const codecs = zlib()
  return codecs === undefined
    ? new TransformFilter('gunzip', request, () => createGunzip())
    : new CodecFilter('gunzip', request, () => codecs.createInflate())
}

export function createBrotliFilter(request: Request, settings: BrotliSettings): PackingFilter {
  const codecs = brotli()
  if (codecs !== undefined) return new CodecFilter('br', request, () => codecs.create(settings))
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: settings.level,
    [constants.BROTLI_PARAM_LGWIN]: settings.windowBits,
  }
  return new TransformFilter('br', request, () => createBrotliCompress({ params }))
}

export function createZstdFilter(request: Request, level: number): PackingFilter {
  const codecs = zstd()
  if (codecs !== undefined) return new CodecFilter('zstd', request, () => codecs.create(level))
  const params = { [constants.ZSTD_c_compressionLevel]: level }
  return new TransformFilter('zstd', request, () => createZstdCompress({ params }))
}
