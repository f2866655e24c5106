/** TLS of a virtual server towards its clients, as it is compiled. */
export interface ServerTls {
  /** True: a handshake that ends up at this server is refused (`ssl_reject_handshake on`). */
  readonly rejectHandshake: boolean
}
