/**
 * The few bytes of the wire format that the connection itself must understand.
 *
 * Sync frames begin with 0, then 0 (step 1), 1 (step 2) or 2 (update). The subprotocol `collab.v1` adds two messages
 * from the server: 100 `saved(n)` and 101 `notice(json)`.
 */
import * as decoding from 'lib0/decoding'
import type { Role } from '../contract'
import { type Trouble, TROUBLES } from './status'

export const SUBPROTOCOL = 'collab.v1'
export const MESSAGE_SYNC = 0
export const MESSAGE_SAVED = 100
export const MESSAGE_NOTICE = 101
export const SYNC_STEP_2 = 1
export const SYNC_UPDATE = 2

/** A server that asks for a longer wait is not obeyed. */
const LONGEST_WAIT_SECONDS = 60

/** What the server tells one connection, apart from the page's content. */
export type Notice =
  | { kind: 'role'; role: Role; epoch: number }
  | { kind: 'not-saved'; why: Trouble }
  /** `retryAfterMs`: when to come back, another time for each client. */
  | { kind: 'draining'; retryAfterMs: number | undefined }
  | { kind: 'read-only' | 'too-large' | 'saved-again' }

const ROLES: readonly string[] = ['owner', 'editor', 'commenter', 'viewer']
const PLAIN: readonly string[] = ['read-only', 'too-large', 'saved-again']

/** A notice from its JSON; undefined for kinds a newer server may know. */
export function parseNotice(json: string): Notice | undefined {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { kind, role, epoch, why, retry_after: after } = value as Record<string, unknown>
  if (kind === 'role') {
    if (typeof role !== 'string' || !ROLES.includes(role)) return undefined
    return { kind, role: role as Role, epoch: typeof epoch === 'number' ? epoch : 0 }
  }
  if (kind === 'not-saved') return { kind, why: TROUBLES.find((known) => known === why) ?? 'server' }
  if (kind === 'draining') {
    const isWait = typeof after === 'number' && after >= 0 && after <= LONGEST_WAIT_SECONDS
    return { kind, retryAfterMs: isWait ? Math.round(after * 1000) : undefined }
  }
  return PLAIN.includes(kind as string) ? { kind: kind as 'read-only' } : undefined
}

export function readSaved(decoder: decoding.Decoder): number {
  return decoding.readVarUint(decoder)
}

export function readNotice(decoder: decoding.Decoder): Notice | undefined {
  return parseNotice(decoding.readVarString(decoder))
}

/** Whether a role may change the page. */
export function mayEdit(role: Role): boolean {
  return role === 'owner' || role === 'editor'
}
