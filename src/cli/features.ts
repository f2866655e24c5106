/**
 * The `configure arguments:` line of `-V`, in nginx's manner: what is built in, and what nginx has by
 * default and this engine does not have yet. Tools look there before they use a directive.
 *
 * The names are nginx's; a feature counts as built in when its module is in the list of built-ins.
 */
import { builtInModules } from '../engine/process/built-ins.ts'
import { packageFolder } from '../engine/process/place.ts'

/** Optional in nginx: named when it is there. */
const optional: Readonly<Record<string, string>> = {
  'http.ssl': '--with-http_ssl_module',
  'http.http2': '--with-http_v2_module',
  'http.realip': '--with-http_realip_module',
  'http.addition': '--with-http_addition_module',
  'http.sub': '--with-http_sub_module',
  'http.gunzip': '--with-http_gunzip_module',
  'http.gzip_static': '--with-http_gzip_static_module',
  'http.auth_request': '--with-http_auth_request_module',
  'http.random_index': '--with-http_random_index_module',
  'http.secure_link': '--with-http_secure_link_module',
  'http.stub_status': '--with-http_stub_status_module',
  'stream.core': '--with-stream',
  'stream.ssl': '--with-stream_ssl_module',
  'stream.realip': '--with-stream_realip_module',
  'stream.ssl_preread': '--with-stream_ssl_preread_module',
}

/** Always in nginx unless it was built without: named when it is missing. */
const usual: Readonly<Record<string, string>> = {
  'http.charset': '--without-http_charset_module',
  'http.gzip': '--without-http_gzip_module',
  'http.ssi': '--without-http_ssi_module',
  'http.userid': '--without-http_userid_module',
  'http.access': '--without-http_access_module',
  'http.auth_basic': '--without-http_auth_basic_module',
  'http.mirror': '--without-http_mirror_module',
  'http.autoindex': '--without-http_autoindex_module',
  'http.geo': '--without-http_geo_module',
  'http.map': '--without-http_map_module',
  'http.split_clients': '--without-http_split_clients_module',
  'http.referer': '--without-http_referer_module',
  'http.rewrite': '--without-http_rewrite_module',
  'http.proxy': '--without-http_proxy_module',
  'http.fastcgi': '--without-http_fastcgi_module',
  'http.uwsgi': '--without-http_uwsgi_module',
  'http.scgi': '--without-http_scgi_module',
  'http.grpc': '--without-http_grpc_module',
  'http.memcached': '--without-http_memcached_module',
  'http.limit_conn': '--without-http_limit_conn_module',
  'http.limit_req': '--without-http_limit_req_module',
  'http.empty_gif': '--without-http_empty_gif_module',
  'http.browser': '--without-http_browser_module',
  'stream.limit_conn': '--without-stream_limit_conn_module',
  'stream.access': '--without-stream_access_module',
  'stream.geo': '--without-stream_geo_module',
  'stream.map': '--without-stream_map_module',
  'stream.split_clients': '--without-stream_split_clients_module',
  'stream.return': '--without-stream_return_module',
  'stream.set': '--without-stream_set_module',
}

export function builtInFeatures(): readonly string[] {
  const ids = new Set(builtInModules.map(({ id }) => id))
  const present = Object.entries(optional).filter(([id]) => ids.has(id))
  const missing = Object.entries(usual).filter(([id]) => !ids.has(id))
  return [
    `--prefix=${packageFolder}`,
    '--conf-path=conf/trijet.conf',
    '--error-log-path=logs/error.log',
    '--pid-path=logs/trijet.pid',
    '--with-compat',
    ...present.map(([, argument]) => argument),
    ...missing.map(([, argument]) => argument),
  ]
}
