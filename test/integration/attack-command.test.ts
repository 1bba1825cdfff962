// Attacks on the operator's command: where its token goes, and what foreign text does to a terminal or a spreadsheet.
import assert from 'node:assert/strict'
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { rootCertificates } from 'node:tls'
import { run, type Ran } from '../support/exec.ts'
import { Muster, ROOT } from '../support/muster.ts'

let muster: Muster
let stranger: Server
const heard: IncomingMessage[] = []

before(async () => {
  muster = await Muster.create()
  await muster.start()
  stranger = createServer((request, response) => {
    heard.push(request)
    // A redirect to a place that would like the token.
    response.writeHead(302, { location: `${strangerUrl()}/stolen` }).end()
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  stranger.listen(0, '127.0.0.1', resolve)
  await promise
})
after(async () => {
  stranger.close()
  await muster[Symbol.asyncDispose]()
})

function strangerUrl(): string {
  const address = stranger.address()
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
}

const data = (): string => path.join(muster.data, 'muster')
const command = (env: Record<string, string>, ...args: string[]): Promise<Ran> =>
  run(path.join(ROOT, 'muster'), args, { cwd: muster.data, env: { HOME: muster.data, ...env } })

test('attack 42: the token of one server goes to no other', async () => {
  heard.length = 0
  const byOption = await command(
    { MUSTER_DATA: data() },
    'device',
    'list',
    '--server',
    strangerUrl(),
  )
  const byVariable = await command(
    { MUSTER_DATA: data(), MUSTER_SERVER: strangerUrl() },
    'device',
    'list',
  )
  const redirected = await command(
    { MUSTER_SERVER: strangerUrl(), MUSTER_TOKEN: 'mu_op_of_the_stranger' },
    'device',
    'list',
  )
  for (const { code } of [byOption, byVariable, redirected]) assert.notEqual(code, 0)
  assert.equal(heard.length, 3)
  const shown = heard.map(({ url, headers }) => `${url ?? ''} ${headers.authorization ?? ''}`)
  assert.deepEqual(shown, [
    '/api/v1/devices?limit=50 ',
    '/api/v1/devices?limit=50 ',
    '/api/v1/devices?limit=50 Bearer mu_op_of_the_stranger',
  ])
})

test('attack 42: a token in the environment without its server is not used', async () => {
  const { code, stderr } = await command(
    { MUSTER_DATA: data(), MUSTER_TOKEN: 'x' },
    'device',
    'list',
  )
  assert.equal(code, 2)
  assert.match(stderr, /MUSTER_TOKEN is set, MUSTER_SERVER is not/)
})

for (const name of ['cli.json', 'operator.token']) {
  test(`attack 42: ${name} that others read is refused`, async () => {
    await chmod(path.join(data(), name), 0o644)
    const { code, stderr } = await command({ MUSTER_DATA: data() }, 'device', 'list')
    await chmod(path.join(data(), name), 0o600)
    assert.equal(code, 2)
    assert.match(stderr, /open to others \(0644\); not used/)
  })
}

test('attack 42: a planted .muster leads nowhere', async () => {
  const planted = path.join(muster.data, 'work', '.muster')
  await mkdir(planted, { recursive: true })
  await symlink(path.join(data(), 'cli.json'), path.join(planted, 'cli.json'))
  const { code, stderr } = await run(path.join(ROOT, 'muster'), ['device', 'list'], {
    cwd: path.dirname(planted),
    env: { HOME: muster.data },
  })
  assert.equal(code, 2)
  assert.match(stderr, /is a link; not used/)
})

test('attack 42: another CA behind the known name is refused', async () => {
  const other = path.join(muster.data, 'other-ca.pem')
  await writeFile(other, rootCertificates[0] ?? '')
  const env = { MUSTER_SERVER: muster.url, MUSTER_CA: other, MUSTER_TOKEN: muster.token }
  const { code, stderr } = await command(env, 'device', 'list')
  assert.equal(code, 6)
  assert.match(stderr, /certificate/)
})

test('attack 48: a cell of CSV starts no formula', async () => {
  assert.equal(
    (await muster.muster('device', 'create', 'csv-1', '--hardware', '=HYPERLINK("x")')).code,
    0,
  )
  const { stdout } = await muster.muster('device', 'export', '-q', 'device_id = csv-1')
  assert.match(stdout, /\r\ncsv-1,"'=HYPERLINK\(""x""\)",/)
})

test('attack 48: text of others moves no terminal', async () => {
  const hostile = 'a\u202eb\u2066c'
  const body = { device_id: 'tty-1', hardware_rev: hostile }
  const { status } = await muster.api('POST', '/api/v1/devices', { body })
  assert.equal(status, 201)
  for (const format of ['table', 'wide']) {
    const { stdout } = await muster.muster(
      'device',
      'list',
      '-q',
      'device_id = tty-1',
      '-o',
      format,
    )
    assert.match(stdout, /a\ufffdb\ufffdc/)
  }
  const { stdout } = await muster.muster('device', 'show', 'tty-1')
  assert.match(stdout, /hardware_rev +a\ufffdb\ufffdc/)
})
