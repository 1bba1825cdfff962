import type { Acting } from '../access/acting.ts'
import { auditAll } from '../audit/record.ts'
import type { Db } from '../db/database.ts'
import { deviceId, type DeviceId } from '../device-id.ts'
import { enqueueAll } from '../outbox/enqueue.ts'
import { serialText } from '../pki/serial.ts'
import { readActiveCertificates } from './queries.ts'

export interface Asked {
  /** Devices that were asked. */
  readonly asked: readonly DeviceId[]
  /** Devices without a certificate that could be renewed, or whose broker no connector has served. */
  readonly unreachable: readonly string[]
  readonly slots: readonly number[]
}

/** Asks devices to renew their certificates now; when they do is theirs. After the commit: `notifyOutbox`. */
export async function askRenewal(
  tx: Db,
  acting: Acting,
  ids: readonly string[],
  { renewUrl, now }: { renewUrl: string; now: Date },
): Promise<Asked> {
  const rows = await tx.rows(readActiveCertificates, [ids.toSorted(), now])
  const messages = rows.flatMap((row) => {
    const id = deviceId(row.device_id)
    const payload = JSON.stringify({
      serial: serialText(row.serial),
      not_after: Math.floor(row.not_after.getTime() / 1000),
      renew_url: renewUrl,
    })
    return id ? [{ deviceId: id, topic: `devices/${id}/cert/renew`, payload }] : []
  })
  const enqueued = await enqueueAll(tx, 'enroll', messages)
  const asked = messages
    .map((message) => message.deviceId)
    .filter((id) => enqueued.deviceIds.has(id))
  await auditAll(
    tx,
    asked.map((id) => ({ ...acting, verb: 'certificate.renew', target: id })),
  )
  const reached = new Set<string>(asked)
  return { asked, unreachable: ids.filter((id) => !reached.has(id)), slots: enqueued.slots }
}
