/**
 * Where zones have their memory: what workers count and remember together, under the names and in the sizes
 * of the configuration.
 */
import { findShared, openShared, type SharedMemoryOptions } from './shared-memory.ts'
import { SharedTable } from './shared-table.ts'
import { type Fields, tableBytes, type TableLayout } from './table-layout.ts'

/** Memory of one name. */
export interface ZoneSegment {
  readonly buffer: ArrayBuffer
  /** The same with so many bytes; `undefined` where it cannot have them. */
  extend(bytes: number): ArrayBuffer | undefined
}

/** What processes share, or what a process has to itself. */
export interface ZoneMemory {
  /** Zeroed when new; the same memory for the same name and size. Throws where there is none. */
  open(name: string, bytes: number): ZoneSegment
  /** True while the zone of that name takes more memory when it is full. */
  mayGrow(zone: string): boolean
}

/** Times of its size that a zone which grows may have. */
const growthMax = 16
/** Tables are not grown beyond this. */
const grownBytesMax = 1024 ** 3

/** The layout of a zone that may grow. */
export function growing<F extends Fields>(layout: TableLayout<F>): TableLayout<F> {
  const parts = Math.floor(grownBytesMax / tableBytes(layout))
  return { ...layout, parts: Math.min(Math.max(parts, 1), growthMax) }
}

/** Opens the table of that name; `zone` is how users call what it belongs to, where they may let it grow. */
export function openTable<F extends Fields>(
  memory: ZoneMemory,
  name: string,
  layout: TableLayout<F>,
  zone?: string,
): SharedTable<F> {
  const mayGrow = (): boolean => zone !== undefined && memory.mayGrow(zone)
  return tableIn(memory.open(name, tableBytes(layout)), layout, mayGrow)
}

/** The table in memory that somebody else has made. */
export function tableIn<F extends Fields>(
  segment: ZoneSegment,
  layout: TableLayout<F>,
  mayGrow: () => boolean = () => false,
): SharedTable<F> {
  return new SharedTable(segment.buffer, layout, {
    mayGrow,
    extend: (bytes) => segment.extend(bytes),
  })
}

/** Whose memory it is; asked at each use where that may change. */
export type MemoryHome = Pick<SharedMemoryOptions, 'instance' | 'owner'>

/** Memory that the processes of an engine share. */
export class SharedZoneMemory implements ZoneMemory {
  readonly #home: () => MemoryHome
  #growing: ReadonlySet<string> = new Set()

  constructor(home: () => MemoryHome) {
    this.#home = home
  }

  open(name: string, bytes: number): ZoneSegment {
    return openShared({ ...this.#home(), name, bytes })
  }

  /** Memory that another process has opened; `undefined` where none has. */
  find(name: string, bytes: number): ZoneSegment | undefined {
    return findShared({ ...this.#home(), name, bytes })
  }

  mayGrow(zone: string): boolean {
    return this.#growing.has(zone)
  }

  /** Zones that may grow from now on. */
  letGrow(zones: readonly string[]): void {
    this.#growing = new Set(zones)
  }
}

/** Memory that only this process sees. */
export function privateZoneMemory(): ZoneMemory {
  const known = new Map<string, ZoneSegment>()
  return {
    open: (name, bytes) =>
      known.getOrInsertComputed(`${name}:${bytes}`, () => {
        return { buffer: new ArrayBuffer(bytes), extend: () => undefined }
      }),
    mayGrow: () => false,
  }
}
