/** What the codes of a closed socket mean: 44xx ends the matter, everything else is tried again. */
import type { RefusalReason } from './status'

const TOO_BIG = 1009
const SERVICE_RESTART = 1012
const RESTARTING = 4503

const REFUSALS: Record<number, RefusalReason> = {
  [TOO_BIG]: 'too-large',
  4400: 'malformed',
  4401: 'sign-in',
  4403: 'not-allowed',
  4404: 'unknown',
  4409: 'replaced',
  4410: 'moderated',
  4413: 'too-large',
  4429: 'too-many',
}

/** Why the server ended the matter; undefined if it may be tried again. */
export function refusalOf(code: number): RefusalReason | undefined {
  return REFUSALS[code] ?? (code >= 4400 && code < 4500 ? 'not-allowed' : undefined)
}

/** Whether the server went away to come back. */
export function isRestart(code: number | undefined): boolean {
  return code === RESTARTING || code === SERVICE_RESTART
}
