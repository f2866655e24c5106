/** How the product names itself. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageFolder } from './place.ts'

export interface Product {
  readonly name: string
  readonly version: string
}

export const product: Product = { name: 'trijet', version: readVersion() }

function readVersion(): string {
  const text = readFileSync(join(packageFolder, 'package.json'), 'utf8')
  return (JSON.parse(text) as { readonly version: string }).version
}
