import { isTree, own, put, type Times, type TimesTree, type Tree, type Value } from './document.ts'

/**
 * Merges a request's section into the stored one, in place, and notes the time of every leaf that it names. Objects merge, everything else replaces, null
 * removes. An object emptied by nulls in here stays as `{}`; one that was new and only had nulls is not stored.
 */
export function merge(target: Tree, times: TimesTree, patch: Tree, at: number): void {
  for (const key of Object.keys(patch)) {
    const value = patch[key]
    const held = own(target, key)
    if (isTree(value) && isTree(held)) {
      merge(held, timesOf(times, key), value, at)
      continue
    }
    const stored = isTree(value) ? withoutNulls(value) : (value ?? undefined)
    if (stored === undefined) {
      delete target[key]
      delete times[key]
    } else {
      put(target, key, stored)
      put(times, key, timesLike(stored, at))
    }
  }
}

/** A subtree as it is first stored: nulls are left out, and what had nothing but nulls altogether. */
export function withoutNulls(tree: Tree): Tree | undefined {
  const kept: Tree = {}
  let left = 0
  let dropped = false
  for (const key of Object.keys(tree)) {
    const value = tree[key]
    const stored = isTree(value) ? withoutNulls(value) : (value ?? undefined)
    if (stored === undefined) dropped = true
    else {
      put(kept, key, stored)
      left++
    }
  }
  return left === 0 && dropped ? undefined : kept
}

/** One time for every leaf of a value. */
export function timesLike(value: Value, at: number): Times {
  return isTree(value) ? timesOfTree(value, at) : at
}

export function timesOfTree(tree: Tree, at: number): TimesTree {
  const times: TimesTree = {}
  for (const key of Object.keys(tree)) put(times, key, timesLike(tree[key] ?? null, at))
  return times
}

function timesOf(times: TimesTree, key: string): TimesTree {
  const held = own(times, key)
  if (typeof held === 'object') return held
  const made: TimesTree = {}
  put(times, key, made)
  return made
}
