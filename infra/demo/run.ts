import { randomBytes } from 'node:crypto'
import type { Device } from './device.ts'
import { bootstrapOf, createFleet, forEach, HARDWARE } from './fleet.ts'
import { load } from './load.ts'
import { Operator, type DeviceRow } from './operator.ts'
import { startStep, table, type Output } from './progress.ts'

const FROM = '2.4.0'
const TO = '2.5.0'
const IMAGE_BYTES = 256 * 1024
const AT_ONCE = 24
const REVOKED_WAIT_SECONDS = 10

export interface DemoOptions {
  readonly server: string
  /** PEM of the root that the server's certificate leads to. */
  readonly ca: string
  readonly token: string
  readonly devices: number
  /** Reports a second over the whole fleet, after the demo; 0: none. */
  readonly rate: number
  /** How long they are sent. */
  readonly seconds: number
  readonly seed: number
  readonly out: Output
}

interface Demo extends DemoOptions {
  readonly operator: Operator
  readonly prefix: string
  readonly fleet: readonly Device[]
  readonly query: string
}

// A second demo on the same Muster gets devices of its own.
async function freePrefix(operator: Operator, digits: number): Promise<string> {
  for (let run = 1; ; run++) {
    const prefix = run === 1 ? 'gw' : `gw${run}`
    if (!(await operator.knows(`${prefix}-${'1'.padStart(digits, '0')}`))) return prefix
  }
}

async function enroll({ operator, fleet, out }: Demo): Promise<void> {
  await operator.allow(fleet)
  const bootstraps = await operator.bootstraps(fleet.length)
  const step = startStep(out, 'enrol', fleet.length)
  let done = 0
  await forEach(fleet, AT_ONCE, async (device, index) => {
    const { state } = device
    await device.enroll(bootstrapOf(bootstraps, index))
    device.state = { ...device.state, ...state }
    await device.connect()
    step.set((done += 1))
  })
  const ways = bootstraps.map(({ way }, at) => {
    const count = fleet.filter((_, index) => index % bootstraps.length === at).length
    return `${way} ${count}`
  })
  step.end(ways.join(', '))
}

async function converge({ operator, fleet, query, out }: Demo): Promise<void> {
  const step = startStep(out, 'converge', fleet.length)
  let done = 0
  const converged = fleet.map(async (device) => {
    await device.until('converged')
    step.set((done += 1))
  })
  await Promise.all([operator.desire(query, { interval: 30 }), ...converged])
  step.end('interval 60 → 30')
}

async function update({ operator, prefix, fleet, query, out }: Demo): Promise<void> {
  const step = startStep(out, 'rollout', fleet.length)
  const name = `${prefix}-${TO}`
  await operator.release(name, TO, HARDWARE, randomBytes(IMAGE_BYTES))
  const selected = `${query} and firmware_ver < ${TO}`
  const ended = await operator.rollout(
    name,
    { release: name, query: selected, groups: 2 },
    (done) => step.set(done),
  )
  const { status, failed, groups } = ended
  step.end(
    `${groups.length} groups, ${FROM} → ${TO}, ${status === 'finished' ? 'verified' : status}`,
  )
  if (status !== 'finished' || failed > 0) throw new Error(`the rollout ${name} is ${status}`)
}

async function renewOne(operator: Operator, device: Device): Promise<void> {
  const { cert_serial: before } = await operator.device(device.id)
  const asked = device.until('renewalAsked')
  await operator.askToRenew(before ?? '')
  await asked
  await device.renew()
  const { cert_serial: after } = await operator.device(device.id)
  if (after === before) throw new Error(`${device.id} kept its certificate`)
}

/** Seconds until the device was thrown off. */
async function revokeOne(operator: Operator, device: Device): Promise<number> {
  const { cert_serial: serial } = await operator.device(device.id)
  const closed = device.until('closed', REVOKED_WAIT_SECONDS)
  const started = performance.now()
  await operator.revoke(serial ?? '')
  await closed
  const seconds = (performance.now() - started) / 1000
  const back = await device.connect().then(
    () => true,
    () => false,
  )
  if (back) throw new Error(`${device.id} was revoked and came back`)
  return seconds
}

async function identities({ operator, fleet, out }: Demo): Promise<void> {
  const renewed = fleet[Math.floor(fleet.length / 4)]
  const revoked = fleet[Math.floor(fleet.length / 2)]
  if (renewed === undefined || revoked === undefined || renewed === revoked) return
  await renewOne(operator, renewed)
  const seconds = await revokeOne(operator, revoked)
  out.write(
    `renewed ${renewed.id}, revoked ${revoked.id} (thrown off after ${seconds.toFixed(1)} s)\n`,
  )
}

function summary(rows: readonly DeviceRow[]): string {
  const lines = HARDWARE.map((hardware) => {
    const own = rows.filter((row) => row.hardware_rev === hardware)
    const versions = [...new Set(own.map((row) => row.firmware_ver ?? 'unknown'))].toSorted()
    const connected = own.filter((row) => row.connected).length
    const failed = own.filter((row) => row.firmware_ver !== TO).length
    return [hardware, String(own.length), versions.join(', '), String(connected), String(failed)]
  })
  return table([['HARDWARE', 'DEVICES', 'FIRMWARE', 'CONNECTED', 'FAILED'], ...lines])
}

/** Simulates a fleet over the real protocols and tells what happened; throws at the first thing that went wrong. */
export async function runDemo(options: DemoOptions): Promise<void> {
  const { server, ca, token, devices, seed, out } = options
  const operator = new Operator(server, ca, token)
  const prefix = await freePrefix(operator, Math.max(2, String(devices).length))
  const fleet = createFleet({ prefix, count: devices, seed, server, ca })
  const demo: Demo = { ...options, operator, prefix, fleet, query: `device_id like ${prefix}-*` }
  try {
    await enroll(demo)
    await converge(demo)
    await update(demo)
    await identities(demo)
    if (options.rate > 0) await load(demo)
    out.write(`\n${summary(await operator.devices(demo.query))}\n`)
    out.write(
      `\nNext  ./muster device list -q "${demo.query}"   ./muster rollout show ${prefix}-${TO}` +
        `   ./muster shadow get ${fleet[0]?.id ?? ''}   ./muster event list   ./muster open\n`,
    )
  } finally {
    await Promise.all(fleet.map((device) => device.disconnect()))
  }
}
