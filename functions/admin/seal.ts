import type { AnswerSeal } from '../../shared/access/idempotency.ts'
import type { KeyedRequest } from '../../shared/http/idempotency.ts'
import { unwrap, wrap } from '../../shared/wrap.ts'
import type { Deps } from './deps.ts'

/** Keeps answers that hold a secret encrypted, so that a repeated request gets the same one and the database holds none. */
export function answerSeal({ kek }: Deps, keyed: KeyedRequest | undefined): AnswerSeal {
  const row = `idempotency ${keyed?.owner ?? ''} ${keyed?.key ?? ''}`
  return {
    wrap: async (answer) => wrap(await kek(), Buffer.from(answer), row).toString('base64'),
    unwrap: async (stored) =>
      unwrap(await kek(), Buffer.from(stored, 'base64'), row).toString('utf8'),
  }
}
