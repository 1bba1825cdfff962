const PLAIN = /^[A-Za-z0-9_$-]+$/

/** One part of a field's path as it is written: quoted unless plain. */
export function printSegment(part: string): string {
  return PLAIN.test(part) ? part : `"${part.replaceAll('"', '""')}"`
}

/** A path as it is written, which is also the name that `fields` holds. */
export function printPath(path: readonly string[]): string {
  return path.map(printSegment).join('.')
}
