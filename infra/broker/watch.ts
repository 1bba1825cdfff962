import { connect, type MqttClient, type IClientOptions } from 'mqtt'
import { NOTICE_TOPIC, parseConnection } from '../../shared/mqtt/broker-log.ts'
import type { BrokerAccess } from './kick.ts'

const AGAIN_MS = 1_000

/** Hears from the broker who connects on the device listener: there, and only there, user and client id are the same. */
export function watchConnections(
  { url, tls }: BrokerAccess,
  onDevice: (id: string) => void,
): { connected: () => boolean; close: () => Promise<void> } {
  let client: MqttClient | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false
  // A client object of its own for each connection: certificates are read again at each.
  const open = async (): Promise<void> => {
    try {
      client = watcher(url, await tls(), onDevice)
      client.once('close', again)
    } catch {
      again()
    }
  }
  const again = (): void => {
    if (closed) return
    client?.end(true)
    timer = setTimeout(() => void open(), AGAIN_MS)
  }
  void open()
  return {
    connected: () => client?.connected === true,
    close: async () => {
      closed = true
      clearTimeout(timer)
      await client?.endAsync(true)
    },
  }
}

function watcher(url: string, files: IClientOptions, onDevice: (id: string) => void): MqttClient {
  const client = connect(url, {
    ...files,
    clientId: `_muster-agent-${process.pid}`,
    clean: true,
    keepalive: 10,
    reconnectPeriod: 0,
  })
  client.on('error', () => undefined)
  client.on('connect', () => client.subscribe(NOTICE_TOPIC, { qos: 0 }))
  client.on('message', (_topic, payload) => {
    const found = parseConnection(payload)
    if (found && found.user === found.clientId) onDevice(found.clientId)
  })
  return client
}
