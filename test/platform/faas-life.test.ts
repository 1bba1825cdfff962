import { test } from 'node:test'
import { bundleFunction } from '../../infra/build/bundle.ts'
import { bundleWatchdog } from '../../infra/build/watchdog.ts'
import { functionNames } from '../../infra/function/names.ts'
import { application } from '../e2e/life/application.ts'
import { Distributed, type GivenParts } from '../e2e/life/distributed.ts'
import { enrollment } from '../e2e/life/enrollment.ts'
import { firmware } from '../e2e/life/firmware.ts'
import { lifecycle } from '../e2e/life/lifecycle.ts'
import { state } from '../e2e/life/state.ts'
import { hasMosquitto } from '../support/mosquitto.ts'
import { needs } from '../support/needs.ts'
import { versitygw } from '../support/s3.ts'

const there = hasMosquitto && versitygw.skip === false
/** What the functions of a gateway elsewhere reach, as `npm run e2e` hands it on. */
function givenParts({ E2E_DATABASE_URL, ...env }: NodeJS.ProcessEnv): GivenParts {
  const {
    S3_ENDPOINT: endpoint = '',
    S3_ACCESS_KEY: accessKey = '',
    S3_SECRET_KEY: secretKey = '',
  } = env
  return {
    databaseUrl: E2E_DATABASE_URL,
    s3: endpoint === '' ? undefined : { endpoint, accessKey, secretKey },
  }
}

/** A gateway of OpenFaaS itself, where one is named; else the stand-in. */
const gateway = process.env['OPENFAAS_URL']

test(
  `a device lives its whole life: each function behind ${gateway ?? 'the stand-ins for gateway and watchdog'}`,
  needs('Mosquitto or versitygw', there),
  async (t) => {
    if (gateway === undefined) {
      await bundleWatchdog()
      for (const name of await functionNames()) await bundleFunction(name)
    }
    await using world = await Distributed.create(
      gateway === undefined ? {} : givenParts(process.env),
    )
    const { muster } = world
    muster.entry = 'test/e2e/faas/main.ts'
    await world.start()
    await t.test('enrolment', (step) => enrollment(muster, step))
    await t.test('state', (step) => state(muster, () => world.loseBroker(), step))
    await t.test('application', (step) => application(muster, world.servicePort, step))
    await t.test('firmware', (step) => firmware(muster, step))
    await t.test('lifecycle', (step) => lifecycle(muster, step))
  },
)
