// The connector as it runs in production, that may die before and after each publication and each PUBACK. What it wrote until then has
// left: else frames and PUBACKs of one turn would live or die together.
import { PacketWriter } from '../../infra/connector/packet-writer.ts'
import { maybeDie } from './crash.ts'

type Method = (this: PacketWriter, ...args: never[]) => unknown

/** Puts two deaths round a method of the writer. */
function surround(name: 'publish' | 'acknowledge', point: string): void {
  const method: Method = Reflect.get<PacketWriter, typeof name>(PacketWriter.prototype, name)
  const dying: Method = function dying(...args) {
    const flush = () => this.flush()
    maybeDie(`BEFORE_${point}`, flush)
    const result = method.apply(this, args)
    maybeDie(`AFTER_${point}`, flush)
    return result
  }
  Reflect.set(PacketWriter.prototype, name, dying)
}

surround('publish', 'PUBLISH')
surround('acknowledge', 'PUBACK')

const { DATABASE_URL: url = '' } = process.env
process.env['DATABASE_URL'] = url.replace('ROLE', 'muster_connector') // a pooler's login

await import('../../infra/connector/main.ts')
