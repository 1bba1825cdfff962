// The connector as it runs in production, that may die before and after each publication and each PUBACK.
import { MqttClient } from 'mqtt'
import { maybeDie } from './crash.ts'

type Method = (this: MqttClient, ...args: unknown[]) => unknown

/** Puts two deaths round a method of the client. */
function surround(name: 'publish' | '_sendPacket', points: (args: unknown[]) => string): void {
  const method: Method = Reflect.get(MqttClient.prototype, name)
  const wrapped: Method = function wrapped(...args) {
    const point = points(args)
    maybeDie(`BEFORE_${point}`)
    const result = method.apply(this, args)
    maybeDie(`AFTER_${point}`)
    return result
  }
  Reflect.set(MqttClient.prototype, name, wrapped)
}

surround('publish', () => 'PUBLISH')
surround('_sendPacket', ([packet]) => (isPuback(packet) ? 'PUBACK' : 'OTHER'))

function isPuback(packet: unknown): boolean {
  return typeof packet === 'object' && packet !== null && 'cmd' in packet && packet.cmd === 'puback'
}

await import('../../infra/connector/main.ts')
