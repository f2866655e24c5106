/**
 * Documents against the schema that the interface publishes of them: the first fault is told by its path.
 *
 * An object has the properties that its schema names and no others; where it names none, it may have any.
 */
import type { Schema } from './operation.ts'
import { Refusal, replyCodes } from './refusal.ts'

/** What is wrong; `undefined` where nothing is. `path` names the value in the message. */
export function shapeFault(value: unknown, schema: Schema, path: string): string | undefined {
  const { type, enum: choices, items } = schema
  if (type !== undefined && !typeChecks[type](value)) {
    return `"${path}" must be ${typeNames[type]}`
  }
  if (choices !== undefined && !choices.includes(value as string)) {
    return `"${path}" must be one of ${choices.join(', ')}`
  }
  if (Array.isArray(value) && items !== undefined) return itemFault(value, items, path)
  if (schema.properties === undefined || !isFields(value)) return undefined
  return propertyFault(value, schema, path)
}

/** A JSON object. */
export type Fields = Readonly<Record<string, unknown>>

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function itemFault(list: readonly unknown[], items: Schema, path: string): string | undefined {
  for (const [i, item] of list.entries()) {
    const fault = shapeFault(item, items, `${path}[${i}]`)
    if (fault !== undefined) return fault
  }
  return undefined
}

function propertyFault(value: Fields, schema: Schema, path: string): string | undefined {
  const { properties = {}, required = [] } = schema
  const at = (name: string): string => (path === '' ? name : `${path}.${name}`)
  const missing = required.find((name) => !Object.hasOwn(value, name))
  if (missing !== undefined) return `"${at(missing)}" is required`
  for (const [name, inner] of Object.entries(value)) {
    const known = Object.hasOwn(properties, name) ? properties[name] : undefined
    if (known === undefined) return `unknown field "${at(name)}"`
    const fault = shapeFault(inner, known, at(name))
    if (fault !== undefined) return fault
  }
  return undefined
}

type TypeName = NonNullable<Schema['type']>

const typeChecks: Readonly<Record<TypeName, (value: unknown) => boolean>> = {
  object: isFields,
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  integer: Number.isSafeInteger,
  number: Number.isFinite,
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
}

const typeNames: Readonly<Record<TypeName, string>> = {
  object: 'an object',
  array: 'a list',
  string: 'a string',
  integer: 'an integer',
  number: 'a number',
  boolean: 'true or false',
  null: 'null',
}

/** A field of a document that must be a list of strings. */
export function stringList(value: unknown, name: string): readonly string[] {
  const valid = Array.isArray(value) && value.every((item) => typeof item === 'string')
  if (!valid) throw new Refusal(replyCodes.invalidJson, `"${name}" must be a list of strings`)
  return value
}

/** A field of a document that must be a string that says something. */
export function nonEmptyString(value: unknown, name: string): string {
  if (typeof value !== 'string' || value.trim() === '') {
    throw new Refusal(replyCodes.invalidJson, `"${name}" must be a non-empty string`)
  }
  return value
}
