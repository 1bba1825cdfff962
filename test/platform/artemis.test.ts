// What a connector needs of a broker, asked of two that have nothing in common; and a device's shadow through Apache Artemis.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openLink, type Link, type LinkOptions } from '../../infra/connector/link.ts'
import type { Publication } from '../../infra/connector/packet-reader.ts'
import { hasArtemis, startArtemis } from '../support/artemis.ts'
import { device } from '../support/connector.ts'
import { hasMosquitto, startMosquitto } from '../support/mosquitto.ts'
import { needs, needsBuilt } from '../support/needs.ts'
import { startShadowFleetOn, type Between } from '../support/shadow-fleet.ts'
import { until } from '../support/until.ts'

interface Broker extends AsyncDisposable {
  readonly url: string
  restart(): Promise<void>
}

/** Where brokers differ: a test says so when one of them changes. */
interface Differs {
  /** A message that comes again says so (DUP) and has the packet identifier it had. */
  readonly saysAgain: boolean
  /** The will of a client whose session goes on is told when it dies. */
  readonly tellsWills: boolean
}

const CLIENT = '_muster-1'
/** An id may have a dot, a colon, a dash: it is one level of a topic all the same. */
const DEVICES = ['d1', 'plant.7:a-b_c']
/** Reason codes below it are no refusal: nobody listens, say. */
const REFUSED = 0x80
const FILTER = 'devices/+/shadow/update'
const updateOf = (id: string) => `devices/${id}/shadow/update`

interface Opened extends AsyncDisposable {
  readonly link: Link
  readonly heard: Publication[]
  readonly lost: string[]
}

/** The connector's own connection, without the connector: nothing is acknowledged unless the test does. */
async function open({ url }: Broker, options: Partial<LinkOptions> = {}): Promise<Opened> {
  const heard: Publication[] = []
  const lost: string[] = []
  const link = await openLink({
    address: { url },
    clientId: CLIENT,
    clean: false,
    onMessage: (message) => heard.push(message),
    onClose: (reason) => lost.push(reason),
    onDrain: () => undefined,
    ...options,
  })
  const dispose = async () => link.destroy()
  return { link, heard, lost, [Symbol.asyncDispose]: dispose }
}

const texts = (heard: readonly Publication[]) => heard.map(({ payload }) => payload.toString())

const numbers = (from: number, below: number) =>
  Array.from({ length: below - from }, (_, at) => String(from + at))

async function publish(broker: Broker, id: string, payloads: readonly string[]): Promise<void> {
  await using one = await device(broker, id)
  for (const payload of payloads) await one.client.publishAsync(updateOf(id), payload, { qos: 1 })
}

const tell = (link: Link, topic: string, payload: string, retain: boolean): Promise<number> =>
  new Promise((resolve) => link.publish({ topic, qos: 1, retain, payload }, resolve))

async function hearsEveryDevice(broker: Broker): Promise<void> {
  await using connector = await open(broker)
  await connector.link.subscribe([FILTER, 'devices/+/status'], { qos: 1, retainHandling: 1 })
  for (const id of DEVICES) {
    await publish(broker, id, ['{}'])
    await until(`of ${id}`, () => connector.heard.some(({ topic }) => topic === updateOf(id)))
  }
  // A level more or less is another topic.
  await using one = await device(broker, 'd2')
  await one.client.publishAsync('devices/d2/x/shadow/update', 'no', { qos: 1 })
  await one.client.publishAsync('devices/d2/status', 'last', { qos: 1 })
  await until('the last', () => connector.heard.some(({ topic }) => topic === 'devices/d2/status'))
  assert.equal(connector.heard.length, DEVICES.length + 1)
}

/** What was not acknowledged comes again, first and in its order; then what came meanwhile. */
async function resumes(broker: Broker, { saysAgain }: Differs): Promise<void> {
  const first = await open(broker)
  assert.equal(first.link.sessionPresent, false)
  await first.link.subscribe([FILTER], { qos: 1, retainHandling: 1 })
  await publish(broker, 'd1', numbers(0, 20))
  await until('all', () => first.heard.length === 20)
  for (const { packet } of first.heard.slice(0, 5)) first.link.acknowledge(packet ?? 0)
  // A goodbye right behind overtakes acknowledgements in Artemis: they come again.
  await sleep(500)
  await first.link.end()
  await publish(broker, 'd1', numbers(20, 40))
  await using second = await open(broker)
  assert.equal(second.link.sessionPresent, true)
  await until('the rest', () => second.heard.length >= 35)
  assert.deepEqual(texts(second.heard), numbers(5, 40))
  const again = second.heard.slice(0, 15)
  assert.deepEqual([...new Set(again.map(({ dup }) => dup))], [saysAgain])
  const packets = (heard: readonly Publication[]) => heard.map(({ packet }) => packet).join()
  assert.equal(packets(again) === packets(first.heard.slice(5)), saysAgain)
  for (const { packet } of second.heard) second.link.acknowledge(packet ?? 0)
  await sleep(500)
  await second.link.end()
  await using third = await open(broker)
  await sleep(300)
  assert.deepEqual(texts(third.heard), [], 'acknowledged is over')
}

/** Who comes with the client id of a holder ends its connection, and has what was in its hands. */
async function takesOver(broker: Broker): Promise<void> {
  await using holder = await open(broker)
  await holder.link.subscribe([FILTER], { qos: 1, retainHandling: 1 })
  await publish(broker, 'd1', numbers(0, 10))
  await until('in its hands', () => holder.heard.length === 10)
  await using next = await open(broker)
  await until('thrown off', () => holder.lost.length === 1)
  assert.equal(next.link.sessionPresent, true)
  await until('handed over', () => next.heard.length >= 10)
  assert.deepEqual(texts(next.heard), numbers(0, 10))
}

/** The will of a holder that dies is heard at once; without it, its lease has to end. */
async function tellsOfTheDead(broker: Broker, { tellsWills }: Differs): Promise<void> {
  await using eye = await open(broker, { clientId: 'eye', clean: true })
  await eye.link.subscribe(['muster/+/gone'], { qos: 1, retainHandling: 0 })
  const will = (payload: string) => ({ topic: 'muster/1/gone', payload })
  const holder = await open(broker, { will: will('of a session') })
  holder.link.destroy()
  await sleep(500)
  const passing = await open(broker, { clientId: 'd1', clean: true, will: will('of none') })
  passing.link.destroy()
  await until('a will', () => texts(eye.heard).includes('of none'))
  assert.equal(texts(eye.heard).includes('of a session'), tellsWills)
}

async function retains(broker: Broker): Promise<void> {
  const topic = `devices/${DEVICES[1]}/config/desired`
  const taken = async (payload: string) =>
    assert.ok((await tell(connector.link, topic, payload, true)) < REFUSED)
  await using connector = await open(broker)
  const heardByNewcomer = async () => {
    await using one = await device(broker, 'newcomer', [topic])
    await sleep(300)
    return one.messages.map(({ text, retain }) => [text, retain])
  }
  await taken('old')
  await taken('new')
  assert.deepEqual(await heardByNewcomer(), [['new', true]])
  await taken('')
  assert.deepEqual(await heardByNewcomer(), [])
}

/** With persistence, as a cell has it: of what it acknowledged, nothing is lost at a kill that its store holds. */
async function remembers(broker: Broker): Promise<void> {
  const first = await open(broker)
  await first.link.subscribe([FILTER], { qos: 1, retainHandling: 1 })
  await publish(broker, 'd1', numbers(0, 5))
  await first.link.end()
  await broker.restart()
  await using second = await open(broker)
  assert.equal(second.link.sessionPresent, true)
  await until('the rest', () => second.heard.length >= 5)
  assert.deepEqual(texts(second.heard), numbers(0, 5))
}

const CONTRACT: readonly [string, (broker: Broker, differs: Differs) => Promise<void>][] = [
  ['hears every device by one filter, whatever its id', hearsEveryDevice],
  ['resumes the session of a fixed client id, in order', resumes],
  ['lets the next one take over and throws the holder off', takesOver],
  ['tells of a holder that died', tellsOfTheDead],
  ['retains the last document and forgets an empty one', retains],
]

const artemis = needsBuilt('Apache Artemis', hasArtemis)
const mosquitto = needs('mosquitto', hasMosquitto)

suite('Mosquitto', mosquitto, () => {
  for (const [does, run] of CONTRACT)
    test(`ok/${does}: Mosquitto`, async () => {
      await using broker = await startMosquitto()
      await run(broker, { saysAgain: true, tellsWills: true })
    })
})

suite('Apache Artemis', { ...artemis, timeout: 180_000 }, () => {
  for (const [does, run] of CONTRACT)
    test(`ok/${does}: Artemis`, async () => {
      await using broker = await startArtemis()
      await run(broker, { saysAgain: false, tellsWills: false })
    })

  test('ok/remembers across kill -9 what it acknowledged: Artemis', async () => {
    await using broker = await startArtemis()
    await remembers(broker)
  })

  test('fail/with wildcards of its own it does not hear of an id with a dot', async () => {
    await using broker = await startArtemis({ ownWildcards: true })
    await using connector = await open(broker)
    await connector.link.subscribe([FILTER], { qos: 1, retainHandling: 1 })
    for (const id of [...DEVICES.toReversed(), 'last']) await publish(broker, id, ['{}'])
    await until('the last', () => connector.heard.some(({ topic }) => topic === updateOf('last')))
    assert.deepEqual(
      connector.heard.map(({ topic }) => topic),
      [updateOf('d1'), updateOf('last')],
    )
  })
})

const own = { ...artemis, timeout: 120_000 }

test('ok/a shadow through a connector on Artemis', own, async () => {
  const id = 'plant.7'
  await using fleet = await startShadowFleetOn(startArtemis, [id])
  const root = `devices/${id}/shadow`
  await using one = await device(fleet.broker, id, [`${root}/update/accepted`, `${root}/delta`])
  const heard = (topic: string) => one.messages.filter((each) => each.topic === `${root}/${topic}`)
  const body = JSON.stringify({ state: { reported: { n: 1 } }, clientToken: 'first' })
  await one.client.publishAsync(`${root}/update`, body, { qos: 1 })
  const [accepted] = await until('accepted', () => {
    const found = heard('update/accepted')
    return found.length > 0 && found
  })
  assert.match(accepted?.text ?? '', /"clientToken":"first"/)
  assert.equal(await fleet.desire(id, { n: 2 }), 200)
  await until('delta', () => heard('delta').some(({ text }) => text.includes('"n":2')))
  assert.equal((await fleet.history(id)).length, 2)
  await until('told', async () => (await fleet.outboxRows()) === 0)
  // The broker dies and comes back: the connector has its slots again, and what is written then is told.
  await fleet.broker.restart()
  await using back = await device(fleet.broker, id, [`${root}/delta`])
  assert.equal(await fleet.desire(id, { n: 3 }), 200)
  await until('delta after', () => back.messages.some(({ text }) => text.includes('"n":3')), 60)
})

/** The first call is carried out and never answered, until the connector loses its slot. */
function heldAfterCommit() {
  const committed = Promise.withResolvers<void>()
  const never = Promise.withResolvers<Response>()
  let calls = 0
  const between: Between = async (name, answered) => {
    const answer = await answered()
    if (name !== 'shadow-update') return answer
    calls += 1
    if (calls > 1) return answer
    committed.resolve()
    return never.promise
  }
  return { committed: committed.promise, between, calls: () => calls }
}

/** How many versions one message made that came again to the next holder of the slot, after its first call was carried out. */
async function versionsOf(clientToken: string): Promise<number> {
  const { committed, between, calls } = heldAfterCommit()
  await using fleet = await startShadowFleetOn(startArtemis, ['d1'], between)
  await using one = await device(fleet.broker, 'd1', ['devices/d1/shadow/update/accepted'])
  const body = JSON.stringify({ state: { reported: { n: 1 } }, clientToken })
  await one.client.publishAsync(updateOf('d1'), body, { qos: 1 })
  await committed
  const [slot] = await fleet.database.db.unnamed<{ slot: number }>(
    'test',
    `select slot from connector_slots where class = 'shadow'`,
    [],
  )
  // Its client id is taken from it: it comes back as the next epoch.
  const intruder = await open(fleet.broker, { clientId: `_muster-${slot?.slot}` })
  await intruder.link.end()
  await until('answered', () => one.messages.length > 0, 40)
  assert.equal(calls(), 2)
  return (await fleet.history('d1')).length
}

// Where the broker does not say what comes again, the device's token does.
test('ok/a request has its effect once by its token alone: Artemis', own, async () => {
  assert.equal(await versionsOf(randomUUID()), 1)
})

test(
  'fail/a request without a UUID of its own may have its effect twice: Artemis',
  own,
  async () => {
    assert.equal(await versionsOf('counter-1'), 2)
  },
)
