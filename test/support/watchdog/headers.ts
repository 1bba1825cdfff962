// Headers as a proxy written in Go passes them on: names in its canonical form, all but those of the connection.

const OF_CONNECTION = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** `x-call-id` as `X-Call-Id`. */
export function canonicalName(name: string): string {
  return name.toLowerCase().replaceAll(/(?:^|-)[a-z]/g, (first) => first.toUpperCase())
}

/** Names and values in turn, as Node takes them: repeated ones stay so. */
export function passedHeaders(
  raw: readonly string[],
  without: ReadonlySet<string> = new Set(),
): string[] {
  const passed: string[] = []
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? '').toLowerCase()
    if (!OF_CONNECTION.has(name) && !without.has(name))
      passed.push(canonicalName(name), raw[at + 1] ?? '')
  }
  return passed
}
