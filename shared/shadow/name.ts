/** Names of shadows; the classic one has none, which the database writes as ''. */
const SHADOW_NAME = /^[$a-zA-Z0-9:_-]{1,64}$/

export const CLASSIC = ''

/** Named shadows a device may have, those deleted in the last two days counted. */
export const NAMED_SHADOWS_MAX = 50

export function isShadowName(text: string): boolean {
  return SHADOW_NAME.test(text)
}
