import type { Noun } from './command/command.ts'
import {
  actCommand,
  listCommand,
  showCommand,
  type Resource,
  type SessionCommand,
} from './verbs.ts'

const STATES = ['pending', 'approved', 'signing', 'issued', 'rejected']

export const ENROLLMENTS: Resource = {
  noun: 'enrollment',
  path: 'enrollments',
  argument: 'ID',
  events: ['enrollment'],
  id: (item) => String(item['id']),
  columns: [
    { head: 'TIME', from: 'created_at', kind: 'time' },
    { head: 'DEVICE', from: 'device_id' },
    { head: 'WAY', from: 'protocol' },
    { head: 'SOURCE', from: 'credential' },
    { head: 'RESULT', from: 'state', kind: 'state' },
    { head: 'REASON', from: 'reason' },
    { head: 'ID', from: 'id', wide: true },
    { head: 'SERIAL', from: 'serial', wide: true },
  ],
}

export const enrollmentNoun: Noun = {
  name: 'enrollment',
  summary: 'Enrollments: who asked for a certificate, and what became of it.',
  examples: ['muster enrollment list --state pending -o wide'],
}

export const enrollmentCommands: readonly SessionCommand[] = [
  listCommand(ENROLLMENTS, {
    options: [
      { name: 'state', value: 'STATE', choices: STATES, summary: 'only these' },
      { name: 'device', value: 'ID', complete: 'device', summary: 'only of this device' },
    ],
    parameters: (input) => ({ state: input.text('state'), device_id: input.text('device') }),
  }),
  showCommand(ENROLLMENTS),
  actCommand(ENROLLMENTS, { verb: 'accept', summary: 'lets waiting devices in', done: 'accepted' }),
  actCommand(ENROLLMENTS, {
    verb: 'reject',
    summary: 'refuses keys for good',
    done: 'rejected',
    asks: true,
  }),
]
