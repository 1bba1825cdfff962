import path from 'node:path'

/** A path as a person writes it: below the working directory with `./`, else whole. */
export function shownPath(absolute: string, from = process.cwd()): string {
  const relative = path.relative(from, absolute)
  return relative.startsWith('..') || path.isAbsolute(relative) ? absolute : `./${relative}`
}
