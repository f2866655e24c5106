/**
 * Which words of a directive are secret. Its row says so, and control shows `[redacted]` for them to whoever
 * is no admin.
 *
 * ```text
 *   words        secure_link_secret WORD;                        each word
 *   field        proxy_set_header Authorization VALUE;           behind the name of a field of credentials
 *   assignment   env PASSWORD=VALUE;                             what is behind the first `=`
 *   inline       ssl_certificate_key data:PEM;                   what stands there instead of the name of a file
 *   parameters   health_check type=mysql password=VALUE;         what is behind those names and `=`
 * ```
 */

export type Secret =
  | 'words'
  | 'field'
  | 'assignment'
  | 'inline'
  | { readonly parameters: readonly string[] }

/** Fields of messages that carry what lets somebody in. */
const credentialField =
  /^(?:proxy-)?authorization$|^(?:set-)?cookie$|(?:^|-)(?:api-?key|token|secret|password)$/i

export function isCredentialField(name: string): boolean {
  return credentialField.test(name)
}

/** The start of a word that may be seen; `undefined` where all of it may. */
export function visibleStart(
  secret: Secret,
  words: readonly string[],
  at: number,
): string | undefined {
  const word = words[at]!
  if (typeof secret === 'object') {
    const name = secret.parameters.find((one) => word.startsWith(`${one}=`))
    return name === undefined ? undefined : `${name}=`
  }
  switch (secret) {
    case 'words':
      return ''
    case 'field':
      return at > 0 && isCredentialField(words[0]!) ? '' : undefined
    case 'assignment':
      return /^[^=]*=/.exec(word)?.[0]
    case 'inline':
      return /^(?:data|engine):/.exec(word)?.[0]
  }
}

/** For the reference: what of it admins alone see. */
export function describeSecret(secret: Secret): string {
  if (typeof secret === 'object') {
    return `the value of ${secret.parameters.map((name) => `\`${name}=\``).join(' and ')}`
  }
  return secretTexts[secret]
}

const secretTexts = {
  words: 'its arguments',
  field: 'the value, where the field is one of credentials',
  assignment: 'the value',
  inline: 'what stands behind `data:`',
} as const
