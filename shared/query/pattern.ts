/** A character to find as it is, or `*` for any run, `?` for any one character. */
type Token = { readonly wild: '*' | '?' } | { readonly char: string }

// `\` takes the next character literally; at the end it is itself.
function tokens(pattern: string): Token[] {
  return [...pattern.matchAll(/\\(.?)|([*?])|(.)/gsu)].map(([, escaped, wild, plain]) =>
    wild === '*' || wild === '?' ? { wild } : { char: plain ?? (escaped || '\\') },
  )
}

const isRun = (token: Token | undefined): boolean =>
  token !== undefined && 'wild' in token && token.wild === '*'

const accepts = (token: Token | undefined, char: string | undefined): boolean =>
  token !== undefined && ('wild' in token ? token.wild === '?' : token.char === char)

/** Two pointers that go back to the last `*` only: quadratic at worst, so no pattern stops the server. */
export function matcher(pattern: string): (text: string) => boolean {
  const parts = tokens(pattern)
  return (text) => {
    const chars = Array.from(text)
    let [p, c, star, mark] = [0, 0, -1, 0]
    while (c < chars.length) {
      if (isRun(parts[p])) {
        star = p++
        mark = c
      } else if (accepts(parts[p], chars[c])) {
        p++
        c++
      } else if (star >= 0) {
        p = star + 1
        c = ++mark
      } else return false
    }
    while (isRun(parts[p])) p++
    return p === parts.length
  }
}

/** SQL's pattern for ours. */
export function likePattern(pattern: string): string {
  return tokens(pattern)
    .map((token) => {
      if ('wild' in token) return token.wild === '*' ? '%' : '_'
      return /[%_\\]/.test(token.char) ? `\\${token.char}` : token.char
    })
    .join('')
}

/** Whether the pattern begins with a character of its own, so that an index helps. */
export function hasPrefix(pattern: string): boolean {
  const [first] = tokens(pattern)
  return first !== undefined && 'char' in first
}
