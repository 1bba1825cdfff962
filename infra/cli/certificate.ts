import { path } from './api/client.ts'
import { DETACH, runBulk } from './bulk.ts'
import { chosen } from './chosen.ts'
import type { Input, Noun, Option } from './command/command.ts'
import { confirm, EXPECT, YES } from './confirm.ts'
import { EXIT } from './exit.ts'
import { momentOption } from './moment-option.ts'
import { printDone } from './output.ts'
import type { Session } from './session.ts'
import { listCommand, oneOf, QUERY, quoted, severalOf, showCommand } from './verbs.ts'
import type { Resource, SessionCommand } from './verbs.ts'

const STATES = ['active', 'superseded', 'revoked']
const REASONS = [
  'unspecified',
  'key_compromise',
  'affiliation_changed',
  'superseded',
  'cessation_of_operation',
  'privilege_withdrawn',
]

export const CERTIFICATES: Resource = {
  noun: 'certificate',
  path: 'certificates',
  argument: 'SERIAL',
  events: ['certificate'],
  id: (item) => String(item['serial']),
  columns: [
    { head: 'SERIAL', from: 'serial' },
    { head: 'DEVICE', from: 'device_id' },
    { head: 'PROFILE', from: 'profile' },
    { head: 'STATE', from: 'state', kind: 'state' },
    { head: 'EXPIRES', from: 'expires_at', kind: 'time' },
    { head: 'RENEW', from: 'renew_at', kind: 'time', wide: true },
    { head: 'CREDENTIAL', from: 'credential', wide: true },
    { head: 'SHA256', from: 'sha256', wide: true },
  ],
}

const list = listCommand(CERTIFICATES, {
  options: [
    { name: 'device', value: 'ID', complete: 'device', summary: 'only of this device' },
    { name: 'state', value: 'STATE', choices: STATES, summary: 'only these' },
    { name: 'expires', value: 'WHEN', summary: 'only those that end before: 30d, a date, a time' },
  ],
  parameters: (input, session) => ({
    device_id: input.text('device'),
    state: input.text('state'),
    expires_before: momentOption(session, input, 'expires'),
  }),
})

interface Verb {
  readonly verb: 'renew' | 'revoke'
  readonly summary: string
  readonly done: string
  readonly asks: boolean
  readonly options: readonly Option[]
}

async function named(session: Session, input: Input, { verb, done, asks }: Verb): Promise<number> {
  if (asks) await confirm(session, input, `${verb} certificate ${quoted(input.arguments)}`)
  const api = await session.api()
  const body = verb === 'revoke' ? { reason: input.text('reason') } : undefined
  for (const serial of input.arguments) {
    const item = await api.post(`certificates/${path(serial)}/${verb}`, body)
    printDone(session, `certificate ${serial}: ${done}`, item, CERTIFICATES)
  }
  return EXIT.ok
}

function verbCommand(verb: Verb): SessionCommand {
  return {
    path: ['certificate', verb.verb],
    summary: verb.summary,
    arguments: [{ ...severalOf(CERTIFICATES), optional: true }],
    options: [...verb.options, QUERY, YES, EXPECT, DETACH],
    run: async (session, input) => {
      const which = chosen(input)
      if ('ids' in which) return named(session, input, verb)
      const change = { action: verb.verb, reason: input.text('reason') }
      const what = `${verb.verb} the certificates of`
      return runBulk(session, input, {
        path: 'bulk/certificates',
        query: which.query,
        change,
        what,
      })
    },
  }
}

const renew = verbCommand({
  verb: 'renew',
  summary: 'asks the devices to renew them now',
  done: 'the device is asked to renew it',
  asks: false,
  options: [],
})

const revoke = verbCommand({
  verb: 'revoke',
  summary: 'revokes them: the devices are thrown off within a second',
  done: 'revoked',
  asks: true,
  options: [{ name: 'reason', value: 'REASON', choices: REASONS, summary: 'why' }],
})

const exportOne: SessionCommand = {
  path: ['certificate', 'export'],
  summary: 'prints one as PEM',
  arguments: [oneOf(CERTIFICATES)],
  run: async (session, input) => {
    const { item } = await (await session.api()).get(`certificates/${path(input.argument(0))}`)
    session.out.write(String(item['pem']))
  },
}

export const certificateNoun: Noun = {
  name: 'certificate',
  summary: 'Certificates: the identities of devices.',
  examples: [
    'muster certificate list --expires 14d',
    'muster certificate revoke 4F2A… --reason key_compromise',
  ],
}

export const certificateCommands: readonly SessionCommand[] = [
  list,
  showCommand(CERTIFICATES),
  renew,
  revoke,
  exportOne,
]
