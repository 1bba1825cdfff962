import { statement } from '../db/statement.ts'

const remove = (table: string) =>
  statement<[id: string]>(`device_walk_${table}`, `delete from ${table} where device_id = $1::text`)

// `action_results` are the rollouts' counters under way: a second later they are gone.
// Certificates and revocations stay until they end: whoever holds one is still refused. Events and the audit log stay as long as they are kept.
export const DELETION_WALK = [
  statement<[id: string]>(
    'allowlist_remove_device',
    `delete from allowlist where (match = 'device_id' and value = $1::text) or device_id = $1::text`,
  ),
  ...[
    'device_presence',
    'device_attributes',
    'device_facts',
    'group_members',
    'enrollments',
    'shadows',
    'shadow_history',
    'operation_results',
    'action_status',
    'actions',
    'devices',
  ].map(remove),
] as const
