import { isTree, own, put, sameValue, type Tree } from './document.ts'

/**
 * What desired has and reported has not, or has otherwise; undefined when nothing differs. Objects on both sides are compared key by key, arrays and
 * different types are taken whole; what only reported has never appears.
 */
export function delta(desired: Tree | undefined, reported: Tree | undefined): Tree | undefined {
  if (desired === undefined) return undefined
  let found: Tree | undefined
  for (const key of Object.keys(desired)) {
    const wanted = desired[key] ?? null
    const held = reported && own(reported, key)
    const part =
      isTree(wanted) && isTree(held)
        ? delta(wanted, held)
        : sameValue(wanted, held)
          ? undefined
          : wanted
    if (part !== undefined) put((found ??= {}), key, part)
  }
  return found
}
