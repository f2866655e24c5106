/**
 * The HTTP modules that are built in. Their order is the order of their handlers within a phase, and of
 * content that is looked for.
 */
import type { AnyModule } from '../core/module.ts'
import { httpUpstream } from '../upstream/directives.ts'
import { httpAccess } from './modules/access.ts'
import { httpAddition } from './modules/addition.ts'
import { httpAuthBasic } from './modules/auth-basic.ts'
import { httpAuthRequest } from './modules/auth-request.ts'
import { httpAutoindex } from './modules/autoindex.ts'
import { httpBrotliStatic } from './modules/brotli-static.ts'
import { httpBrotli } from './modules/brotli.ts'
import { httpBrowser } from './modules/browser.ts'
import { httpCharset } from './modules/charset.ts'
import { httpCore } from './modules/core.ts'
import { httpEmptyGif } from './modules/empty-gif.ts'
import { httpFaultInject } from './modules/fault-inject.ts'
import { httpFiles } from './modules/files.ts'
import { httpGeo } from './modules/geo.ts'
import { httpGrpc } from './modules/grpc.ts'
import { httpGunzip } from './modules/gunzip.ts'
import { httpGzipStatic } from './modules/gzip-static.ts'
import { httpGzip } from './modules/gzip.ts'
import { httpHandler } from './modules/handler.ts'
import { httpHeaders } from './modules/headers.ts'
import { httpHints } from './modules/hints.ts'
import { httpHttp2 } from './modules/http2.ts'
import { httpIndex } from './modules/index-files.ts'
import { httpLimitConn } from './modules/limit-conn.ts'
import { httpLimitRate } from './modules/limit-rate.ts'
import { httpLimitReq } from './modules/limit-req.ts'
import { httpLog } from './modules/log.ts'
import { httpMap } from './modules/map.ts'
import { httpMirror } from './modules/mirror.ts'
import { httpMoreHeaders } from './modules/more-headers.ts'
import { httpNotModified } from './modules/not-modified.ts'
import { httpOpenTelemetry } from './modules/opentelemetry.ts'
import { httpProxy } from './modules/proxy.ts'
import { httpRandomIndex } from './modules/random-index.ts'
import { httpRange } from './modules/range.ts'
import { httpRealip } from './modules/realip.ts'
import { httpReferer } from './modules/referer.ts'
import { httpRequestBody } from './modules/request-body.ts'
import { httpRewrite } from './modules/rewrite.ts'
import { httpSecureLink } from './modules/secure-link.ts'
import { httpSplitClients2 } from './modules/split-clients-2.ts'
import { httpSplitClients } from './modules/split-clients.ts'
import { httpSsl } from './modules/ssl.ts'
import { httpStubStatus } from './modules/stub-status.ts'
import { httpTrailers } from './modules/trailers.ts'
import { httpUserid } from './modules/userid.ts'
import { httpSub } from './modules/sub.ts'
import { httpSysguard } from './modules/sysguard.ts'
import { httpVts } from './modules/vts.ts'
import { httpZstdStatic } from './modules/zstd-static.ts'
import { httpZstd } from './modules/zstd.ts'

export const httpModules: readonly AnyModule[] = [
  httpCore,
  httpHints,
  httpRequestBody,
  httpUpstream,
  httpReferer,
  httpBrowser,
  httpSecureLink,
  httpSsl,
  httpHttp2,
  httpMap,
  httpGeo,
  httpSplitClients,
  httpSplitClients2,
  httpOpenTelemetry,
  httpRewrite,
  httpRealip,
  httpSysguard,
  httpLimitReq,
  httpLimitConn,
  httpFaultInject,
  httpAccess,
  httpAuthBasic,
  httpAuthRequest,
  httpHandler,
  httpProxy,
  httpGrpc,
  httpStubStatus,
  httpEmptyGif,
  httpRandomIndex,
  httpIndex,
  httpAutoindex,
  httpBrotliStatic,
  httpZstdStatic,
  httpGzipStatic,
  httpFiles,
  httpMirror,
  httpNotModified,
  httpHeaders,
  httpMoreHeaders,
  httpUserid,
  httpGunzip,
  httpAddition,
  httpSub,
  httpCharset,
  httpBrotli,
  httpZstd,
  httpGzip,
  httpRange,
  httpTrailers,
  httpLimitRate,
  httpVts,
  httpLog,
]
