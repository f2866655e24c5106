/** Dynamic servers of the stream block (reference §2). */
import { defineVirtualServer, type VirtualServerKind } from './virtual-server.ts'

export const streamServer: VirtualServerKind = defineVirtualServer({
  subsystem: 'stream',
  topic: '/ins/stream_srv/',
  forbidden: new Set(['zone', 'ftp_ctrl', 'ftp_data', 'ssl_ocsp', 'ssl_stapling', 'quic']),
  refusedOptions: { udp: 'udp should be added to addr_port, not listen option' },
})
