import { statement } from '../db/statement.ts'

export const readEndpoint = statement<[deviceId: string], { hosts: unknown }>(
  'enrollment_endpoint_read',
  `select e.hosts from broker_endpoints e left join devices d on d.device_id = $1::text
    order by (e.name = d.broker_endpoint) desc nulls last, e.priority, e.name limit 1`,
)

export const readDesired = statement<
  [deviceId: string],
  { desired: string | null; version: bigint }
>(
  'enrollment_desired_read',
  `select desired, version from shadows where device_id = $1::text and shadow = ''`,
)
