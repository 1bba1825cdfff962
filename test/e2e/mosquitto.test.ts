import { test } from 'node:test'
import { existsSync } from 'node:fs'
import { needs } from '../support/needs.ts'
import { versitygw } from '../support/s3.ts'
import { Distributed } from './life/distributed.ts'
import { application } from './life/application.ts'
import { enrollment } from './life/enrollment.ts'
import { firmware } from './life/firmware.ts'
import { lifecycle } from './life/lifecycle.ts'
import { state } from './life/state.ts'

const there = existsSync('/usr/sbin/mosquitto') && versitygw.skip === false

test(
  'a device lives its whole life: Mosquitto with its agent, S3',
  needs('Mosquitto or versitygw', there),
  async (t) => {
    await using world = await Distributed.create()
    await world.start()
    const { muster } = world
    await t.test('enrolment', (step) => enrollment(muster, step))
    await t.test('state', (step) => state(muster, () => world.loseBroker(), step))
    await t.test('application', (step) => application(muster, world.servicePort, step))
    await t.test('firmware', (step) => firmware(muster, step))
    await t.test('lifecycle', (step) => lifecycle(muster, step))
  },
)
