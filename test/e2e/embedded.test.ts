import { test } from 'node:test'
import { Muster } from '../support/muster.ts'
import { application } from './life/application.ts'
import { enrollment } from './life/enrollment.ts'
import { firmware } from './life/firmware.ts'
import { imports } from './life/import.ts'
import { lifecycle } from './life/lifecycle.ts'
import { state } from './life/state.ts'

test('a device lives its whole life: embedded broker, files', async (t) => {
  await using muster = await Muster.create()
  await muster.start()
  await t.test('import', (step) => imports(muster, step))
  await t.test('enrolment', (step) => enrollment(muster, step))
  await t.test('state', (step) => state(muster, () => muster.restart('SIGKILL'), step))
  await t.test('application', (step) => application(muster, muster.mqttsPort, step))
  await t.test('firmware', (step) => firmware(muster, step))
  await t.test('lifecycle', (step) => lifecycle(muster, step))
})
