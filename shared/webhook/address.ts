import { BlockList, isIP, isIPv4 } from 'node:net'

const never = new BlockList()
never.addSubnet('0.0.0.0', 8)
never.addSubnet('169.254.0.0', 16) // link-local, and with it the metadata of clouds
never.addSubnet('224.0.0.0', 3) // multicast, reserved, broadcast
// Metadata of clouds at addresses of no special kind.
never.addAddress('100.100.100.200')
never.addAddress('168.63.129.16')
never.addSubnet('192.0.0.0', 24)
never.addAddress('::', 'ipv6')
never.addRange('::2', '::ffff:ffff', 'ipv6') // IPv4 inside, as it was written once
never.addSubnet('::ffff:0:0:0', 96, 'ipv6')
never.addSubnet('2001::', 32, 'ipv6') // Teredo
never.addSubnet('fe80::', 10, 'ipv6')
never.addSubnet('fec0::', 10, 'ipv6')
never.addSubnet('ff00::', 8, 'ipv6')
never.addAddress('fd00:ec2::254', 'ipv6')
const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')

const translated = new BlockList()
translated.addSubnet('64:ff9b::', 96, 'ipv6')
translated.addSubnet('64:ff9b:1::', 48, 'ipv6')
const sixToFour = new BlockList()
sixToFour.addSubnet('2002::', 16, 'ipv6')

/** The IPv4 address that a gateway on the way would make of an IPv6 one. */
function behind(address: string): string | undefined {
  const isTranslated = translated.check(address, 'ipv6')
  if (!isTranslated && !sixToFour.check(address, 'ipv6')) return undefined
  const [head = '', tail = ''] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const [left, right] = [head, tail].map((part) => part.split(':').filter(Boolean))
  const zeros = Array.from({ length: 8 - (left?.length ?? 0) - (right?.length ?? 0) }, () => '0')
  const words = [...(left ?? []), ...zeros, ...(right ?? [])]
  const [high = '0', low = '0'] = isTranslated ? words.slice(6) : words.slice(1, 3)
  return [high, low]
    .map((word) => Number.parseInt(word, 16))
    .map((word) => `${word >> 8}.${word & 0xff}`)
    .join('.')
}

/** Whether something may be sent to an address: never link-local, loopback only where everything runs on one machine. */
export function mayReach(address: string, allowLoopback: boolean): boolean {
  const plain = address.replace(/%.*$/, '')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1] ?? plain
  if (isIP(mapped) === 0 || /^::ffff:/i.test(mapped)) return false
  const family = isIPv4(mapped) ? 'ipv4' : 'ipv6'
  if (never.check(mapped, family)) return false
  const other = family === 'ipv6' ? behind(mapped) : undefined
  if (other !== undefined) return mayReach(other, false)
  return allowLoopback || !loopback.check(mapped, family)
}

/** Why nothing is sent to a URL; undefined: its name still has to be resolved. */
export function urlFault(text: string, allowLoopback: boolean): string | undefined {
  if (!URL.canParse(text)) return 'not a URL'
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'neither https nor http'
  if (url.username !== '' || url.password !== '') return 'a name or password in the URL'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0 && !mayReach(host, allowLoopback)) return 'this address is not reached'
  return undefined
}
