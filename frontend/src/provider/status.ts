/**
 * What a person may believe about their work on a page.
 *
 * `decideStatus` turns the facts of a connection into one word; `StatusGate` keeps the word calm: it never says
 * "saved" early and never leaves it late, and changes at most twice a second otherwise.
 */

import type { Files } from '../contract'

export type RefusalReason =
  | 'sign-in'
  | 'not-allowed'
  | 'unknown'
  | 'replaced'
  | 'moderated'
  | 'too-large'
  | 'too-many'
  | 'malformed'

/** Why the server does not store now: its words, and `server` for those that this version does not know. */
export const TROUBLES = ['database', 'queue-full', 'page-full', 'gap', 'server'] as const
export type Trouble = (typeof TROUBLES)[number]
export type NotSavedReason = Trouble | 'no-answer' | 'files'

export type Status =
  /** Before the server's content has arrived. `shown`: a copy from this device is there already. */
  | { kind: 'connecting'; shown: boolean }
  /** Everything this tab ever changed is in the server's database. */
  | { kind: 'saved' }
  /** `files`: how many files are being sent beside the page's own changes. */
  | { kind: 'saving'; files: number }
  /** No connection. `unsaved`: this tab holds changes that nobody else has; `kept`: they, and what follows, survive it. */
  | { kind: 'offline'; unsaved: boolean; kept: boolean }
  /** `unsaved`: changes were made that the server did not take. */
  | { kind: 'read-only'; unsaved: boolean }
  /** Connected, but something could not be stored. */
  | { kind: 'not-saved'; why: NotSavedReason; kept: boolean }
  /** The server ended the matter: no further attempt is made. */
  | { kind: 'refused'; reason: RefusalReason; unsaved: boolean }

export interface Facts {
  /** The close reason of a final close, or of a notice that amounts to one. */
  refused: RefusalReason | undefined
  connected: boolean
  /** The page's content arrived at least once. */
  everSynced: boolean
  /** `shown`: a complete copy came from this device; `keeps`: it takes what is changed now. */
  copy: { shown: boolean; keeps: boolean }
  /** A connection was tried, long enough to say that there is none. */
  tried: boolean
  /** On this connection the server has asked what it lacks and was answered. */
  answered: boolean
  /** On this connection everything that was sent is confirmed, the answer included. */
  confirmed: boolean
  /** `confirmed` was true at least once on this connection. */
  everConfirmed: boolean
  readOnly: boolean
  /** Local changes that the server has not confirmed, on this connection or before it; files that are not stored. */
  unsaved: boolean
  /** The server said that it cannot store now. */
  trouble: Trouble | undefined
  /** Something was sent, and the confirmation is overdue. */
  overdue: boolean
  /** Files whose bytes exist in this tab only. */
  files: Files
}

export function decideStatus(facts: Facts): Status {
  const { unsaved } = facts
  if (facts.refused) return { kind: 'refused', reason: facts.refused, unsaved }
  // The bytes of a file are in the tab's memory, whatever the device keeps.
  const kept = facts.copy.keeps && facts.files.sending + facts.files.failed === 0
  const connecting: Status = { kind: 'connecting', shown: facts.copy.shown }
  if (!facts.connected) {
    const isOffline = facts.everSynced || (facts.tried && (unsaved || facts.copy.shown))
    return isOffline ? { kind: 'offline', unsaved, kept } : connecting
  }
  if (facts.readOnly) return { kind: 'read-only', unsaved }
  if (facts.trouble !== undefined) return { kind: 'not-saved', why: facts.trouble, kept }
  if (facts.overdue) return { kind: 'not-saved', why: 'no-answer', kept }
  if (facts.files.failed > 0) return { kind: 'not-saved', why: 'files', kept }
  if (unsaved) return { kind: 'saving', files: facts.files.sending }
  if (!facts.everSynced) return connecting
  if (facts.answered && facts.confirmed) return { kind: 'saved' }
  return facts.everConfirmed ? { kind: 'saving', files: 0 } : connecting
}

export function sameStatus(one: Status, other: Status): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

/** Time, passed in so that tests own it. */
export interface Clock {
  now(): number
  setTimer(run: () => void, afterMs: number): unknown
  clearTimer(timer: unknown): void
}

export const realClock: Clock = {
  now: () => Date.now(),
  setTimer: (run, afterMs) => setTimeout(run, afterMs),
  clearTimer: (timer) => clearTimeout(timer as number),
}

/** Shortest time between two changes of the word. */
const BETWEEN_MS = 500
/** "Saved" appears when it has been true this long, so that it does not flicker while somebody types. */
const CALM_MS = 600

export class StatusGate {
  shown: Status
  private wanted: Status
  private changedAt = -Infinity
  private wantedSince: number
  private timer: unknown

  constructor(
    first: Status,
    private readonly clock: Clock,
    private readonly show: (status: Status) => void,
  ) {
    this.shown = this.wanted = first
    this.wantedSince = clock.now()
  }

  offer(status: Status): void {
    if (!sameStatus(status, this.wanted)) {
      this.wanted = status
      this.wantedSince = this.clock.now()
    }
    this.settle()
  }

  destroy(): void {
    this.clock.clearTimer(this.timer)
  }

  private settle(): void {
    this.clock.clearTimer(this.timer)
    if (sameStatus(this.wanted, this.shown)) return
    const wait = this.dueAt() - this.clock.now()
    if (wait > 0) {
      this.timer = this.clock.setTimer(() => this.settle(), wait)
      return
    }
    // The word stays the same when only the explanation of "connecting" changes: what follows does not wait for it.
    if (this.wanted.kind !== 'connecting' || this.shown.kind !== 'connecting') this.changedAt = this.clock.now()
    this.shown = this.wanted
    this.show(this.shown)
  }

  private dueAt(): number {
    const { shown, wanted } = this
    if (shown.kind === 'saved' || wanted.kind === 'refused' || wanted.kind === 'read-only') return -Infinity
    const apart = this.changedAt + BETWEEN_MS
    if (wanted.kind !== 'saved') return apart
    return shown.kind === 'saving' ? Math.max(apart, this.wantedSince + CALM_MS) : apart
  }
}
