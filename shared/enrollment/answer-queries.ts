import { statement } from '../db/statement.ts'

export interface PlaceRow {
  hosts: unknown
  desired: string | null
  version: bigint | null
}

/** Where a device's broker is, and what is desired of the device. */
export const readPlace = statement<[deviceId: string], PlaceRow>(
  'enrollment_place_read',
  `select (select e.hosts from broker_endpoints e left join devices d on d.device_id = $1::text
            order by (e.name = d.broker_endpoint) desc nulls last, e.priority, e.name limit 1) as hosts,
          s.desired, s.version
     from (values ($1::text)) v(device_id)
     left join shadows s on s.device_id = v.device_id and s.shadow = ''`,
)
