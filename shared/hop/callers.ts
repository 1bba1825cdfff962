const SIGNERS = new Set(['enroll', 'est', 'register', 'admin'])

/** Whether a proven caller may ask this target of this callee; what it may not is answered 403. */
export function callerMay(caller: string, callee: string, target: string): boolean {
  const path = target.split('?', 1)[0] ?? ''
  const internal = path.startsWith('/internal/')
  if (caller === 'edge') return !internal && path !== '/mqtt' && path !== '/cron'
  if (caller === 'connector') return path === '/mqtt' || path === '/cron'
  return callee === 'pki' && internal && SIGNERS.has(caller)
}
