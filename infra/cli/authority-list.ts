import { listCommand, type Resource, type SessionCommand } from './verbs.ts'

const AUTHORITIES: Resource = {
  noun: 'ca',
  path: 'authorities',
  argument: 'ID',
  id: (item) => String(item['id']),
  columns: [
    { head: 'ID', from: 'id' },
    { head: 'NAME', from: 'name' },
    { head: 'STATE', from: 'state', kind: 'state' },
    { head: 'EXPIRES', from: 'expires_at', kind: 'time' },
    { head: 'SERIAL', from: 'serial', wide: true },
  ],
}

/** What the server says of its authorities; the other verbs of the noun work on files. */
export const authorityList: SessionCommand = listCommand(AUTHORITIES, {
  summary: "lists the server's device authorities",
})
