import { path } from './api/client.ts'
import type { Noun } from './command/command.ts'
import { confirm, YES } from './confirm.ts'
import { momentOption } from './moment-option.ts'
import { printDone } from './output.ts'
import { listCommand, oneOf, quoted, severalOf, showCommand } from './verbs.ts'
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

const revoke: SessionCommand = {
  path: ['certificate', 'revoke'],
  summary: 'revokes them: the devices are thrown off within a second',
  arguments: [severalOf(CERTIFICATES)],
  options: [YES, { name: 'reason', value: 'REASON', choices: REASONS, summary: 'why' }],
  run: async (session, input) => {
    await confirm(session, input, `revoke certificate ${quoted(input.arguments)}`)
    const api = await session.api()
    for (const serial of input.arguments) {
      const body = { reason: input.text('reason') }
      const item = await api.post(`certificates/${path(serial)}/revoke`, body)
      printDone(session, `certificate ${serial}: revoked`, item, CERTIFICATES)
    }
  },
}

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
  revoke,
  exportOne,
]
