/** `/api/v1/config/http_dyn_auth`: names and passwords, and where they are (Annex B `helper_dyn_auth`). */
import type { Declaration } from '../declaration.ts'
import { locationDeclaration } from './located-declaration.ts'
import { fail, type Setting, single, textField } from './settings.ts'
import type { Surroundings } from './surroundings.ts'

/** By `auth_type`. */
const sources = { file: 'auth_basic_user_file', kv: 'auth_basic_kv' } as const

type AuthType = keyof typeof sources

export const httpAuthentication: Declaration = locationDeclaration({
  key: 'http_dyn_auth',
  fields: {
    auth_basic: { type: 'string', description: 'Text of the dialogue, or `off`.' },
    auth_type: { type: 'string', enum: Object.keys(sources) },
    auth_param: { type: 'string', description: 'The file, or the prefix of users in the store.' },
  },
  read: (at) => ({ auth_basic: at.argument('auth_basic') ?? 'off', ...sourceOf(at) }),
  write: (fields, at) => {
    const settings: Setting[] = []
    const realm = textField(fields, 'auth_basic')
    if (realm !== undefined) settings.push(single('auth_basic', realm))
    const type = textField(fields, 'auth_type') as AuthType | undefined
    const param = textField(fields, 'auth_param')
    if (type === undefined && param === undefined) return settings
    return [...settings, ...sourceSettings({ ...sourceOf(at), ...definedOf({ type, param }) })]
  },
})

interface Source {
  readonly auth_type?: AuthType
  readonly auth_param?: string
}

/** The innermost block that says a source decides. */
function sourceOf(at: Surroundings): Source {
  const node = at.inForce(...Object.values(sources)).at(-1)
  if (node === undefined) return {}
  const auth_type = node.name === sources.kv ? 'kv' : 'file'
  return { auth_type, auth_param: node.args[0] ?? '' }
}

function definedOf(given: {
  readonly type: AuthType | undefined
  readonly param: string | undefined
}): Source {
  return {
    ...(given.type !== undefined && { auth_type: given.type }),
    ...(given.param !== undefined && { auth_param: given.param }),
  }
}

/** One source takes the place of the other. */
function sourceSettings({ auth_type, auth_param = '' }: Source): readonly Setting[] {
  if (auth_type === undefined) fail(' auth_type is not set')
  if (auth_param === '') fail(' auth_param is empty')
  return Object.entries(sources).map(([type, name]) =>
    single(name, type === auth_type ? auth_param : undefined),
  )
}
