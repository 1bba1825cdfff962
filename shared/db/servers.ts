/** Where the database is: fixed, or read again at each connection, since logins rotate. */
export type DatabaseUrl = string | (() => string)

/** The servers that a URL names, of which one may be written to. */
export interface Servers {
  /** The URL to connect by now, with a single host. */
  readonly current: () => string
  /** How many there are. */
  readonly count: () => number
  /** Goes on to the next one, unless somebody did already. */
  readonly leave: (url: string) => void
  /** Whether a URL is still one of them: logins are replaced. */
  readonly has: (url: string) => boolean
}

const URL_PARTS = /^([a-z]+:\/\/(?:[^/?#]*@)?)([^/?#]*)(.*)$/i
const SESSION_ATTRS = /([?&])target_session_attrs=[^&#]*(&?)/
const ATTRS = /[?&]target_session_attrs=(?!(?:read-write|primary)(?:[&#]|$))/

/**
 * A URL for each host of `postgres://user@a:5432,b:5432/db`. libpq's `target_session_attrs=read-write` may stand there: it holds anyway.
 * @throws {TypeError} for another value of it
 */
export function hostUrls(url: string): readonly string[] {
  if (ATTRS.test(url)) throw new TypeError('target_session_attrs can be read-write only')
  const plain = url.replace(SESSION_ATTRS, (_all, before: string, after: string) =>
    after === '' ? '' : before,
  )
  const [, start = '', hosts = '', rest = ''] = URL_PARTS.exec(plain) ?? []
  const list = hosts.split(',')
  return list.length === 1 ? [plain] : list.map((host) => `${start}${host}${rest}`)
}

export function openServers(url: DatabaseUrl): Servers {
  let at = 0
  let known: { readonly url: string; readonly urls: readonly string[] } | undefined
  const all = (): readonly string[] => {
    const now = typeof url === 'string' ? url : url()
    if (known?.url !== now) known = { url: now, urls: hostUrls(now) }
    return known.urls
  }
  const current = (): string => {
    const urls = all()
    return urls[at % urls.length] ?? ''
  }
  return {
    current,
    count: () => all().length,
    has: (one) => all().includes(one),
    leave: (left) => {
      if (current() === left) at += 1
    },
  }
}

const REREAD_MS = 10_000

/** A URL that is read again every ten seconds: a new login needs no restart. What cannot be read changes nothing. */
export function rotatingUrl(first: string, read: () => string | undefined): () => string {
  let url = first
  let until = performance.now() + REREAD_MS
  return () => {
    if (performance.now() < until) return url
    until = performance.now() + REREAD_MS
    try {
      url = read() ?? url
    } catch {
      // Half a rotation: the login that was good stays so.
    }
    return url
  }
}
