/** What the command says about itself: `-h`, `-v`, `-V`. */
import { confDefault, packageFolder } from '../engine/process/place.ts'
import { product } from '../engine/process/product.ts'
import { builtInFeatures } from './features.ts'

/** nginx's lines, with our name and defaults. */
export function usageText(): string {
  return `Usage: trijet [-?hvVtTq] [-s signal] [-p prefix]
              [-e filename] [-c filename] [-g directives]

Options:
  -?,-h         : this help
  -v            : show version and exit
  -V            : show version and configure options then exit
  -t            : test configuration and exit
  -T            : test configuration, dump it and exit
  -q            : suppress non-error messages during configuration testing
  -s signal     : send signal to a master process: stop, quit, reopen, reload
  -p prefix     : set prefix path (default: the current folder where it holds
                  ${confDefault}, otherwise ${packageFolder}/)
  -e filename   : set error log file (default: logs/error.log)
  -c filename   : set configuration file (default: ${confDefault})
  -g directives : set global directives out of configuration file
`
}

export function versionText(): string {
  return `${product.name} version: ${product.name}/${product.version}\n`
}

/** For people and for tools that look into the `configure arguments:` line. */
export function configureText(): string {
  const { node, openssl } = process.versions
  return `${versionText()}built on Node.js ${node}
built with OpenSSL ${openssl}
TLS SNI support enabled
configure arguments: ${builtInFeatures().join(' ')}
`
}
