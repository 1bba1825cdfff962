// A device's whole life on a Kubernetes of the test's own: images, plain overlay, edge, Mosquitto, connector, PostgreSQL and store in the cluster; the device,
// its tools and the operator outside.
import { test } from 'node:test'
import { application } from '../e2e/life/application.ts'
import { enrollment } from '../e2e/life/enrollment.ts'
import { firmware } from '../e2e/life/firmware.ts'
import { lifecycle } from '../e2e/life/lifecycle.ts'
import { state } from '../e2e/life/state.ts'
import { wholeCluster } from '../support/kubernetes/tools.ts'
import { KubernetesWorld } from '../support/kubernetes/world.ts'

test(
  'a device lives its whole life: pods of a Kubernetes',
  { ...wholeCluster, timeout: 600_000 },
  async (t) => {
    await using world = await KubernetesWorld.start()
    const { muster } = world
    await t.test('enrolment', (step) => enrollment(muster, step))
    await t.test('state', (step) => state(muster, () => world.loseBroker(), step))
    // With pods killed and firmware of 64 MiB it takes minutes: more than every run may.
    if (process.env['MUSTER_TEST_FULL'] !== '1') return
    await t.test('application', (step) => application(muster, world.servicePort, step))
    await t.test('firmware', (step) => firmware(muster, step))
    await t.test('lifecycle', (step) => lifecycle(muster, step))
  },
)
