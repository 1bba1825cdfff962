import { access } from '../../shared/access/access.ts'
import { functionApp } from '../../shared/http/function-app.ts'
import { serve } from '../../shared/http/serve.ts'
import { stepRollouts } from '../../shared/rollout/step.ts'
import type { Deps } from './deps.ts'

export const app = functionApp<Deps>()

/** The rollout engine's step. */
app.post('/cron', async ({ env }) => {
  const { db, clock, config, log } = env
  const { failures, ...done } = await stepRollouts({ db, clock, apiUrl: config.apiUrl })
  for (const err of failures) log.error({ err }, 'a rollout could not go on')
  return Response.json(done)
})

export const handler = serve<Deps>('ota-notify', app, access)
