// One table of codes: title, and nothing about transport. shared/http/problem.ts holds the status of each.
export const ERRORS = {
  'action.illegal_transition': 'The action cannot change to this state',
  'action.not_found': 'No such action',
  'allowlist.not_found': 'No such allowlist entry',
  'artifact.blocked': 'The artifact is no longer what was verified, or its key was revoked',
  'artifact.exists': 'An artifact with this content exists already',
  'artifact.not_found': 'No such artifact',
  'artifact.private_key': 'A private key must never come near the server',
  'artifact.signature_untrusted': 'The signature is not by a trusted key',
  'artifact.in_use': 'The artifact belongs to a release',
  'auth.required': 'A credential is required, or the given one is not valid',
  'auth.scope_missing': 'The credential does not allow this',
  'auth.unavailable': 'The issuer of the token does not answer',
  'authority.not_found': 'No such authority',
  'ca.unavailable': 'The certificate authority cannot sign at the moment',
  'certificate.not_found': 'No such certificate',
  'credential.exists': 'A credential with this name exists',
  'credential.not_found': 'No such credential',
  'csr.invalid': 'The certificate request is not acceptable',
  'dead_letter.not_found': 'No such dead letter',
  'dead_letter.not_replayable': 'This message cannot be sent again',
  'delivery.backlog': 'Too much waits for delivery',
  'device.exists': 'A device with this id exists',
  'device.illegal_transition': 'The device cannot change to this status',
  'device.not_found': 'No such device',
  'device.suspended': 'The device is suspended',
  'endpoint.exists': 'An endpoint with this name exists',
  'endpoint.in_use': 'Devices belong to the endpoint',
  'endpoint.not_found': 'No such endpoint',
  'enrollment.illegal_transition': 'The enrollment cannot change to this state',
  'enrollment.not_found': 'No such enrollment',
  'enrollment.rejected': 'The enrollment was refused',
  'event.not_found': 'No such event',
  'function.unavailable': 'The function does not answer at the moment',
  'group.exists': 'A group with this name exists',
  'group.not_found': 'No such group',
  'idempotency.in_progress': 'A request with this key is under way',
  'idempotency.key_reused': 'This key was used for another request',
  'index.exists': 'This index exists',
  'index.invalid': 'The field cannot be declared for search',
  'index.not_found': 'No such index',
  'internal.failure': 'The server failed; the call id finds the reason in its log',
  'key.exists': 'This key is known already',
  'key.not_found': 'No such key',
  'operation.illegal_transition': 'The operation cannot change to this state',
  'operation.not_found': 'No such operation',
  'operation.selection_changed': 'The selection is no longer the one that was counted',
  'page.cursor_invalid': 'The cursor is not one of this list',
  'query.limit': 'The query is too large',
  'query.operator': 'The operator does not fit the field',
  'query.syntax': 'The query cannot be read',
  'query.too_slow': 'The query takes too long',
  'query.undeclared': 'The field is not declared for search',
  'query.unknown_field': 'The query names an unknown field',
  'query.value': 'The value does not fit the field',
  'rate.limited': 'Too many requests',
  'release.exists': 'A release with this name exists',
  'release.in_use': 'A rollout uses the release',
  'release.not_found': 'No such release',
  'request.headers_too_large': 'The head of the request is too large',
  'request.invalid': 'The request does not have the documented form',
  'request.malformed': 'The request cannot be read',
  'request.method_not_allowed': 'The path does not take this method',
  'request.precondition_failed': 'The thing was changed meanwhile',
  'request.precondition_required': 'If-Match is required here',
  'request.too_large': 'The request is too large',
  'request.uri_too_long': 'The target is too long',
  'request.range_not_satisfiable': 'The range lies outside of the content',
  'request.timeout': 'The request came too slowly',
  'request.unsupported_media_type': 'The content type or encoding is not supported',
  'rollout.exists': 'A rollout with this name exists',
  'rollout.illegal_transition': 'The rollout cannot change to this state',
  'rollout.not_found': 'No such rollout',
  'rollout.self_approval': 'An author cannot approve the own rollout',
  'route.not_found': 'Nothing is served at this path',
  'setting.not_found': 'No such setting',
  'shadow.contended': 'Others change this shadow at the same moment',
  'shadow.encoding': 'A shadow request is UTF-8',
  'shadow.invalid': 'The shadow request does not have the documented form',
  'shadow.not_found': 'No such shadow',
  'shadow.too_large': 'The shadow would exceed its maximum size',
  'shadow.too_many': 'The device has as many named shadows as it may',
  'shadow.version_conflict': 'The given version is not the current one',
  'storage.full': 'The disk is full',
  'storage.unavailable': 'The object store does not answer',
  'token.exists': 'A token with this name exists',
  'token.not_found': 'No such token',
  'topic.exists': 'This topic filter is given already',
  'topic.forbidden': 'This topic filter cannot be given to devices',
  'topic.not_found': 'No such topic',
  'upload.digest_mismatch': 'The content does not match its digest',
  'upload.illegal_transition': 'The upload is no longer open',
  'upload.incomplete': 'Parts are missing',
  'upload.not_found': 'No such upload',
  'webhook.forbidden': 'Nothing is sent to this address',
  'webhook.not_found': 'No such webhook',
} as const

export type ErrorCode = keyof typeof ERRORS
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code)
}

export type ErrorDetails = Readonly<Record<string, unknown>>

/**
 * A refusal of the domain. `details` may be shown to strangers; `cause` goes to the log only.
 */
export class DomainError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails

  constructor(code: ErrorCode, details: ErrorDetails = {}, options: ErrorOptions = {}) {
    super(ERRORS[code], options)
    this.name = 'DomainError'
    this.code = code
    this.details = details
  }
}
