// What OpenFaaS' gateway makes of a path: it reads it decoded, cleans it, and writes it anew for the function.

/** As Go's `path.Clean`, save that a slash at the end stays. */
function clean(path: string): string {
  const kept: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') kept.pop()
    else if (part !== '' && part !== '.') kept.push(part)
  }
  const joined = `/${kept.join('/')}`
  return path.endsWith('/') && joined !== '/' ? `${joined}/` : joined
}

/** As Go writes a path: `/`, `:` and `$` stay as they are, whatever they were before. */
function escape(path: string): string {
  return path.replaceAll(/[^A-Za-z0-9\-_.~$&+,/:;=@]/gu, (char) =>
    [...Buffer.from(char)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  )
}

export type ReadPath =
  | { readonly kind: 'bad' }
  /** 301 to the path that it takes for the same. */
  | { readonly kind: 'moved'; readonly to: string }
  | { readonly kind: 'function'; readonly name: string; readonly target: string }
  | { readonly kind: 'other'; readonly path: string }

export function readPath(url: string): ReadPath {
  const [raw = '', ...rest] = url.split('?')
  const query = rest.length > 0 ? `?${rest.join('?')}` : ''
  const path = decoded(raw)
  if (path === undefined) return { kind: 'bad' }
  const cleaned = clean(path)
  if (cleaned !== path) return { kind: 'moved', to: escape(cleaned) + query }
  const match = /^\/function\/([-a-zA-Z_0-9.]+)(\/.*)?$/s.exec(path)
  if (match === null) return { kind: 'other', path }
  const [, name = '', below = '/'] = match
  return { kind: 'function', name, target: escape(below) + query }
}

function decoded(raw: string): string | undefined {
  try {
    return decodeURIComponent(raw)
  } catch {
    return undefined
  }
}
