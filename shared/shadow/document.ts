/** A value in a shadow. Integers beyond 2^53 are bigints, so that no digit is lost. */
export type Value = string | number | bigint | boolean | null | Value[] | Tree
export interface Tree {
  [key: string]: Value
}

/**
 * When each leaf was last named, in epoch seconds: an object where the state has an object, a number where it has anything else (an array is
 * replaced whole, so all in it has one time). Nothing in here is the user's but the keys: a user's key `timestamp` is a key like any other.
 */
export type Times = number | TimesTree
export interface TimesTree {
  [key: string]: Times
}

export function isTree(value: Value | undefined): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An own member: `constructor` and `__proto__` are keys of devices as any other. */
export function own<T>(tree: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(tree, key) ? tree[key] : undefined
}

/** Sets an own member; assignment would change the prototype where the key is `__proto__`. */
export function put<T>(tree: Record<string, T>, key: string, value: T): void {
  if (key === '__proto__') {
    Object.defineProperty(tree, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    })
  } else tree[key] = value
}

/** Equality of values; 1 and 1.0 are equal, arrays by position. */
export function sameValue(a: Value | undefined, b: Value | undefined): boolean {
  if (a === b) return true
  if (Array.isArray(a)) {
    return (
      Array.isArray(b) && a.length === b.length && a.every((each, at) => sameValue(each, b[at]))
    )
  }
  if (isTree(a)) {
    if (!isTree(b)) return false
    const keys = Object.keys(a)
    return (
      keys.length === Object.keys(b).length &&
      keys.every((key) => Object.hasOwn(b, key) && sameValue(a[key], b[key]))
    )
  }
  return isNumeric(a) && isNumeric(b) && BigIntOrNumber(a) === BigIntOrNumber(b)
}

const isNumeric = (value: Value | undefined): value is number | bigint =>
  typeof value === 'number' || typeof value === 'bigint'

// 1e20 is a number, 100000000000000000000 a bigint: the same value, written in two ways.
const BigIntOrNumber = (value: number | bigint): number | bigint =>
  typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value
