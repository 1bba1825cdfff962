import { ERRORS, type DomainError, type ErrorCode } from '../errors.ts'

/** The one place that gives a code its status. */
export const HTTP_STATUS = {
  'action.illegal_transition': 409,
  'action.not_found': 404,
  'allowlist.not_found': 404,
  'artifact.blocked': 409,
  'artifact.exists': 409,
  'artifact.in_use': 409,
  'artifact.not_found': 404,
  'artifact.private_key': 422,
  'artifact.signature_untrusted': 422,
  'auth.required': 401,
  'auth.scope_missing': 403,
  'auth.unavailable': 503,
  'authority.not_found': 404,
  'ca.unavailable': 503,
  'certificate.not_found': 404,
  'credential.exists': 409,
  'credential.not_found': 404,
  'csr.invalid': 400,
  'dead_letter.not_found': 404,
  'dead_letter.not_replayable': 409,
  'delivery.backlog': 503,
  'device.exists': 409,
  'device.illegal_transition': 409,
  'device.not_found': 404,
  'device.suspended': 403,
  'endpoint.exists': 409,
  'endpoint.in_use': 409,
  'endpoint.not_found': 404,
  'enrollment.illegal_transition': 409,
  'enrollment.not_found': 404,
  'enrollment.rejected': 401,
  'event.not_found': 404,
  'function.unavailable': 503,
  'group.exists': 409,
  'group.not_found': 404,
  'idempotency.in_progress': 409,
  'idempotency.key_reused': 422,
  'index.exists': 409,
  'index.invalid': 400,
  'index.not_found': 404,
  'internal.failure': 500,
  'key.exists': 409,
  'key.not_found': 404,
  'operation.illegal_transition': 409,
  'operation.not_found': 404,
  'operation.selection_changed': 409,
  'page.cursor_invalid': 400,
  'query.limit': 400,
  'query.operator': 400,
  'query.syntax': 400,
  'query.too_slow': 400,
  'query.undeclared': 400,
  'query.unknown_field': 400,
  'query.value': 400,
  'rate.limited': 429,
  'release.exists': 409,
  'release.in_use': 409,
  'release.not_found': 404,
  'request.headers_too_large': 431,
  'request.invalid': 400,
  'request.malformed': 400,
  'request.method_not_allowed': 405,
  'request.precondition_failed': 412,
  'request.precondition_required': 428,
  'request.range_not_satisfiable': 416,
  'request.timeout': 408,
  'request.too_large': 413,
  'request.unsupported_media_type': 415,
  'request.uri_too_long': 414,
  'rollout.exists': 409,
  'rollout.illegal_transition': 409,
  'rollout.not_found': 404,
  'rollout.self_approval': 403,
  'route.not_found': 404,
  'setting.not_found': 404,
  'shadow.contended': 503,
  'shadow.encoding': 415,
  'shadow.invalid': 400,
  'shadow.not_found': 404,
  'shadow.too_large': 413,
  'shadow.too_many': 409,
  'shadow.version_conflict': 409,
  'storage.full': 503,
  'storage.unavailable': 503,
  'token.exists': 409,
  'token.not_found': 404,
  'topic.exists': 409,
  'topic.forbidden': 400,
  'topic.not_found': 404,
  'upload.digest_mismatch': 422,
  'upload.illegal_transition': 409,
  'upload.incomplete': 409,
  'upload.not_found': 404,
  'webhook.forbidden': 400,
  'webhook.not_found': 404,
} as const satisfies Record<ErrorCode, number>

const RETRY_AFTER_SECONDS = 1

/** RFC 9457 problem document. Members of `details` stand beside the standard ones; `detail` is for people. */
export interface Problem {
  readonly type: string
  readonly code: ErrorCode
  readonly status: number
  readonly title: string
  readonly call_id: string
  readonly detail?: string
  readonly [member: string]: unknown
}

export function problem(error: DomainError, callId: string): Problem {
  const { code, details } = error
  return {
    ...details,
    type: `/errors/${code}`,
    code,
    status: HTTP_STATUS[code],
    title: ERRORS[code],
    call_id: callId,
  }
}

/** Renders a refusal; 401 names the schemes, 429 and 503 say when to come again. */
export function problemResponse(error: DomainError, callId: string): Response {
  const body = problem(error, callId)
  const headers = new Headers({ 'content-type': 'application/problem+json' })
  if (body.status === 401) headers.set('www-authenticate', 'Bearer realm="muster"')
  if (body.status === 429 || body.status === 503) {
    const seconds = error.details['retry_after_seconds']
    headers.set('retry-after', String(typeof seconds === 'number' ? seconds : RETRY_AFTER_SECONDS))
  }
  return new Response(JSON.stringify(body), { status: body.status, headers })
}
