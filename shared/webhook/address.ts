import { BlockList, isIP, isIPv4 } from 'node:net'

const never = new BlockList()
never.addSubnet('0.0.0.0', 8)
never.addSubnet('169.254.0.0', 16) // link-local, and with it the metadata of clouds
never.addSubnet('224.0.0.0', 3) // multicast, reserved, broadcast
never.addAddress('::', 'ipv6')
never.addSubnet('fe80::', 10, 'ipv6')
never.addSubnet('ff00::', 8, 'ipv6')
never.addAddress('fd00:ec2::254', 'ipv6')
const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')

/** Whether something may be sent to an address: never link-local, loopback only where everything runs on one machine. */
export function mayReach(address: string, allowLoopback: boolean): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
  if (isIP(mapped) === 0 || /^::ffff:/i.test(mapped)) return false
  const family = isIPv4(mapped) ? 'ipv4' : 'ipv6'
  if (never.check(mapped, family)) return false
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
