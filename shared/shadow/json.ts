import type { Value } from './document.ts'

// ECMA-262 has it (source text access); the types do not yet.
declare global {
  interface JSON {
    rawJSON(text: string): unknown
  }
}

const LONG_NUMBER = /[0-9]{16}/
const INTEGER = /^-?[0-9]+$/

const exactInteger = (_key: string, value: unknown, context?: { source?: string }): unknown => {
  const source = context?.source
  const long = typeof value === 'number' && !Number.isSafeInteger(value)
  return long && source !== undefined && INTEGER.test(source) ? BigInt(source) : value
}

/**
 * Parses JSON text; integers that a double cannot hold become bigints. Only text with a long run of digits is read the slower way.
 * @throws {SyntaxError}
 */
export function parseJson(text: string): Value {
  const value: Value = LONG_NUMBER.test(text) ? JSON.parse(text, exactInteger) : JSON.parse(text)
  return value
}

const asRaw = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? JSON.rawJSON(value.toString()) : value

/** JSON text of a value, bigints as the integers they are. */
export function printJson(value: Value): string {
  try {
    return JSON.stringify(value)
  } catch (error) {
    if (error instanceof TypeError) return JSON.stringify(value, asRaw)
    throw error
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** How deep JSON text nests, found without parsing it; counting stops above the limit. */
export function nesting(text: string, limit: number): number {
  let depth = 0
  let deepest = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = endOfString(text, at)
    } else if (code === 0x7b || code === 0x5b) {
      depth++
      if (depth > deepest) deepest = depth
      if (deepest > limit) break
    } else if (code === 0x7d || code === 0x5d) depth--
  }
  return deepest
}

function endOfString(text: string, start: number): number {
  let at = start + 1
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === BACKSLASH) at++
    else if (code === QUOTE) break
  }
  return at
}
