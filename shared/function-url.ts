const PLACE = '{function}'

/** Where a function is called: below the gateway's `/function/`; where the URL holds `{function}`, at the URL with its name put in. */
export function functionUrl(gatewayUrl: string, name: string): string {
  if (gatewayUrl.includes(PLACE)) return gatewayUrl.replaceAll(PLACE, name)
  return new URL(`/function/${name}`, gatewayUrl).href
}
