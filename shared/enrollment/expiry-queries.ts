import { statement } from '../db/statement.ts'

export interface EndingRow {
  device_id: string
  serial: Buffer
  not_before: Date
  not_after: Date
}

/** Each value that `alerted` has, by one probe of the index a value; null comes last. */
export const nextAlertLevel = statement<[above: number], { level: number | null }>(
  'certificates_alert_level',
  `select min(alerted) as level from certificates where state = 'active' and alerted > $1::smallint`,
)

export const readNeverAlerted = statement<[now: Date, until: Date, most: number], EndingRow>(
  'certificates_ending_first',
  `select device_id, serial, not_before, not_after from certificates
    where state = 'active' and alerted is null and not_after > $1::timestamptz and not_after <= $2::timestamptz
    order by not_after, device_id limit $3::int for update skip locked`,
)

export const readAlertedAt = statement<
  [now: Date, until: Date, most: number, level: number],
  EndingRow
>(
  'certificates_ending_next',
  `select device_id, serial, not_before, not_after from certificates
    where state = 'active' and alerted = $4::smallint and not_after > $1::timestamptz and not_after <= $2::timestamptz
    order by not_after, device_id limit $3::int for update skip locked`,
)

export const markAlerted = statement<
  [deviceIds: readonly string[], serials: readonly Buffer[], levels: readonly number[]]
>(
  'certificates_alerted',
  `update certificates c set alerted = t.level
     from unnest($1::text[], $2::bytea[], $3::smallint[]) t(device_id, serial, level)
    where c.device_id = t.device_id and c.serial = t.serial`,
)

export const readToRenew = statement<[now: Date, most: number], EndingRow>(
  'certificates_to_renew',
  `select device_id, serial, not_before, not_after from certificates
    where state = 'active' and asked_at is null and renew_at <= $1::timestamptz and not_after > $1::timestamptz
    order by renew_at, device_id limit $2::int for update skip locked`,
)

export const markAsked = statement<
  [deviceIds: readonly string[], serials: readonly Buffer[], now: Date]
>(
  'certificates_asked',
  `update certificates c set asked_at = $3::timestamptz
     from unnest($1::text[], $2::bytea[]) t(device_id, serial)
    where c.device_id = t.device_id and c.serial = t.serial`,
)
