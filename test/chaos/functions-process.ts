// Gateway and functions of the shadow path in one process, that may die between the commit and the answer.
import { mountFunctions } from '../../infra/gateway/mount.ts'
import { startGateway } from '../../infra/gateway/gateway.ts'
import { roleOf } from '../../infra/migrations/grants.ts'
import { systemClock } from '../../shared/clock.ts'
import { loadConfig } from '../../shared/config.ts'
import { openDatabase } from '../../shared/db/database.ts'
import { createLogger } from '../../shared/log.ts'
import { maybeDie } from './crash.ts'

const {
  DATABASE_URL: url = '',
  DATABASE_POOLED: pooled,
  HOP_ROOT: root = '',
  GATEWAY_PORT: port = '',
} = process.env
const log = createLogger('silent')
const config = loadConfig({ env: { MUSTER_DATA: '/nonexistent', PUBLIC_NAMES: 'localhost' } })
const dispatch = await mountFunctions({
  names: ['shadow-update', 'compute-delta', 'register'],
  hop: { kid: 'k1', root: Buffer.from(root, 'base64') },
  hostOf: (name) => ({
    config,
    // Through a pooler each function has a login of its own.
    db: openDatabase({
      url: url.replace('ROLE', roleOf(name)),
      ...(pooled === undefined && { role: roleOf(name) }),
      connections: 4,
      name,
      answerMs: 6_000,
    }),
    clock: systemClock,
    log,
    secret: async () => undefined,
  }),
})
await startGateway({
  port: Number(port),
  log,
  dispatch: async (name, request) => {
    const response = await dispatch(name, request)
    if (name === 'shadow-update') maybeDie('AFTER_COMMIT')
    if (name === 'compute-delta') maybeDie('AFTER_RENDER')
    return response
  },
})
process.stdout.write('ready\n')
