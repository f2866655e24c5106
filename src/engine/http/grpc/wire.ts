/** gRPC's part of an exchange: requests and responses are frames of HTTP/2 where HTTP/1 has text. */
import type { Wire } from '../proxy/wire.ts'
import { GrpcSender } from './request-sender.ts'
import { GrpcReader } from './response-reader.ts'

export const grpcWire: Wire = {
  create: (owner, sink) => {
    const reader = new GrpcReader(sink)
    return { reader, sender: new GrpcSender(owner, reader) }
  },
}
