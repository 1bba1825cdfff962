// Each inner target has the callers that need it: a front function with a flaw in it revokes nobody and makes no claim.
const INNER: ReadonlyMap<string, readonly string[]> = new Map([
  ['/internal/issue', ['enroll', 'est']],
  ['/internal/revoke', ['register']],
  ['/internal/claim', ['admin']],
])

/** Whether a proven caller may ask this target of this callee; what it may not is answered 403. */
export function callerMay(caller: string, callee: string, target: string): boolean {
  const path = target.split('?', 1)[0] ?? ''
  const internal = path.startsWith('/internal/')
  if (caller === 'edge') return !internal && path !== '/mqtt' && path !== '/cron'
  if (caller === 'connector') return path === '/mqtt' || path === '/cron'
  return callee === 'pki' && INNER.get(path)?.includes(caller) === true
}
