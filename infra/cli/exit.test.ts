import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { NoServerError } from './api/find-server.ts'
import { ApiError, UnreachableError } from './api/problem.ts'
import { UsageError } from './command/command.ts'
import { CommandError, errorText, EXIT, exitCodeOf } from './exit.ts'

for (const [error, code] of [
  [new ApiError(400, {}), EXIT.refused],
  [new ApiError(422, {}), EXIT.refused],
  [new ApiError(429, {}), EXIT.refused],
  [new ApiError(401, {}), EXIT.notAuthorised],
  [new ApiError(403, {}), EXIT.notAuthorised],
  [new ApiError(404, {}), EXIT.notFound],
  [new ApiError(409, {}), EXIT.conflict],
  [new ApiError(412, {}), EXIT.conflict],
  [new ApiError(428, {}), EXIT.conflict],
  [new ApiError(500, {}), EXIT.unreachable],
  [new ApiError(503, {}), EXIT.unreachable],
  [new UnreachableError('x'), EXIT.unreachable],
  [new UsageError('x'), EXIT.usage],
  [new NoServerError('x'), EXIT.usage],
  [new CommandError('x', EXIT.watchedFailed), EXIT.watchedFailed],
  [new Error('x'), EXIT.refused],
] as const) {
  test(`ok/${error.name} ${error instanceof ApiError ? error.status : ''} ends with ${code}`, () =>
    assert.equal(exitCodeOf(error), code))
}

test('ok/problem-names-code-call-and-each-fault', () => {
  const errors = [{ pointer: '/name', detail: 'too long' }]
  const problem = { code: 'request.invalid', title: 'Not as documented', call_id: 'c-1', errors }
  assert.equal(
    errorText(new ApiError(400, problem)),
    'muster: not as documented (request.invalid, call c-1)\n  /name too long\n',
  )
  const full = { code: 'storage.full', title: 'The disk is full', call_id: '' }
  assert.equal(errorText(new ApiError(503, full)), 'muster: the disk is full (storage.full)\n')
})

test('ok/usage-says-where-to-read', () => {
  const text = errorText(new UsageError('ID is missing', ['device', 'show']))
  assert.equal(text, 'muster: ID is missing (see muster device show --help)\n')
})

test('ok/missing-file-is-one-line', async () => {
  const error = await readFile('/nowhere/x').catch((reason: unknown) => reason)
  assert.equal(exitCodeOf(error), EXIT.usage)
  assert.equal(errorText(error), 'muster: /nowhere/x: there is no such file\n')
})
