/**
 * What a peer has said in SETTINGS (RFC 9113 §6.5.2), as far as it concerns us.
 *
 * ```text
 *   payload = *( identifier (16)  value (32) )
 * ```
 */
import { errorCodes } from './error-codes.ts'
import { readUint32, settingBytes, settingIds } from './frames.ts'
import { frameBytesMax, windowBytesInitial, windowBytesMax } from './limits.ts'

export interface SettingsFault {
  readonly code: number
  readonly problem: string
}

const frameBytesLimit = 2 ** 24 - 1

export class PeerSettings {
  /** Window of its streams towards it. */
  initialWindow: number = windowBytesInitial
  maxConcurrentStreams: number = Infinity
  /** True when it has limited the table of our header blocks: it waits to be told that there is none. */
  tableLimited: boolean = false

  /** Reads a frame's payload; what was wrong with it, or nothing. */
  read(bytes: Buffer, from: number, to: number): SettingsFault | undefined {
    for (let at = from; at < to; at += settingBytes) {
      const id = bytes.readUInt16BE(at)
      const fault = this.#take(id, readUint32(bytes, at + 2))
      if (fault !== undefined) return fault
    }
    return undefined
  }

  #take(id: number, value: number): SettingsFault | undefined {
    const { protocol, flowControl } = errorCodes
    switch (id) {
      case settingIds.headerTableSize:
        this.tableLimited = true
        return undefined
      case settingIds.enablePush:
        return value > 1 ? { code: protocol, problem: 'invalid ENABLE_PUSH' } : undefined
      case settingIds.maxConcurrentStreams:
        this.maxConcurrentStreams = value
        return undefined
      case settingIds.initialWindowSize:
        if (value > windowBytesMax) {
          return { code: flowControl, problem: 'invalid INITIAL_WINDOW_SIZE' }
        }
        this.initialWindow = value
        return undefined
      case settingIds.maxFrameSize:
        return value < frameBytesMax || value > frameBytesLimit
          ? { code: protocol, problem: 'invalid MAX_FRAME_SIZE' }
          : undefined
      default:
        return undefined
    }
  }
}
