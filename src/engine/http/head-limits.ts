/** How large the head of a request may be, and which of its fields are taken. */

export interface HeadLimits {
  /** `client_header_buffer_size`, bytes. */
  readonly initialBytes: number
  /** `large_client_header_buffers`. */
  readonly largeCount: number
  readonly largeBytes: number
  /** `underscores_in_headers`. */
  readonly underscores: boolean
  /** `ignore_invalid_headers`: fields whose names nginx finds odd are left out. */
  readonly ignoreInvalid: boolean
}
