import * as z from 'zod'
import { estEmpty } from './body.ts'

const Problem = z.object({
  code: z.string(),
  title: z.string(),
  detail: z.string().optional(),
  call_id: z.string(),
})
const REALM = 'Basic realm="muster"'

/**
 * A problem as RFC 8951 lets it be: short text. 401 and 202 have no body, which Bouncy Castle could not skip. While the authority does not answer, a
 * request that was let in waits: libest knows 202, and not 503.
 */
export async function estError(response: Response, method: string): Promise<Response> {
  const type = response.headers.get('content-type') ?? ''
  if (!type.startsWith('application/problem+json')) return response
  const problem = Problem.parse(await response.json())
  if (response.status === 401) return estEmpty(401, { 'www-authenticate': REALM })
  const retry = response.headers.get('retry-after')
  const headers: Record<string, string> = retry === null ? {} : { 'retry-after': retry }
  if (problem.code === 'ca.unavailable' && method === 'POST') return estEmpty(202, headers)
  const allow = response.headers.get('allow')
  if (allow !== null) headers['allow'] = allow
  const why = problem.detail === undefined ? '' : `: ${problem.detail}`
  const text = `${problem.title}${why} (${problem.code}, call ${problem.call_id})\n`
  return new Response(text, {
    status: response.status,
    headers: {
      ...headers,
      'content-type': 'text/plain',
      'content-length': String(Buffer.byteLength(text)),
    },
  })
}
