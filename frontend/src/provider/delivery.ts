/**
 * What one connection has sent, and how much of it the server has confirmed.
 *
 * Sync frames are counted, because a state vector cannot show that a deletion has arrived. The server asks once what it
 * lacks; the answer carries everything made before, so edits go one by one only after it.
 */
import type { Clock } from './status'
import { MESSAGE_SYNC, SYNC_STEP_2, SYNC_UPDATE } from './wire'

/** A confirmation later than this is overdue: the person is told. */
const OVERDUE_MS = 5_000

export class Delivery {
  /** The server has asked what it lacks, and nothing was made since that it was not sent. */
  answered = false
  /** Everything was confirmed at least once. */
  everConfirmed = false
  /** Something was sent, and the confirmation is late. */
  overdue = false

  private sent = 0
  private confirmed = 0
  private open = false
  private timer: unknown

  constructor(
    private readonly clock: Clock,
    private readonly late: () => void,
  ) {}

  /** A new connection, or the end of one: its numbers mean nothing on another. */
  reset(): void {
    this.sent = this.confirmed = 0
    this.answered = this.open = this.everConfirmed = this.overdue = false
    this.stop()
  }

  /** Nothing is waited for any more. */
  stop(): void {
    this.clock.clearTimer(this.timer)
  }

  /**
   * Whether a frame may go now. Until the server has asked, an edit goes with the answer: it is not even certain before
   * that it belongs to the page the server has, which says the epoch first.
   */
  mayGo(first: number, second: number): boolean {
    return this.open || first !== MESSAGE_SYNC || second !== SYNC_UPDATE
  }

  /** A frame with these first two bytes went out. */
  onSent(first: number, second: number): void {
    if (first !== MESSAGE_SYNC) return
    this.sent += 1
    if (second === SYNC_STEP_2) this.answered = this.open = true
    if (this.sent === this.confirmed + 1) this.watch()
  }

  /** An edit was made. `carried`: the connection was there to take it. */
  onEdit(carried: boolean): void {
    // What was not carried reaches the server with the next answer only.
    if (!carried || !this.open) this.answered = false
  }

  /** The first `count` frames are stored. */
  onSaved(count: number): void {
    this.confirmed = Math.max(this.confirmed, Math.min(count, this.sent))
    this.overdue = false
    if (this.confirmed < this.sent) this.watch()
    else this.stop()
    if (this.settled) this.everConfirmed = true
  }

  /** Everything that was made is sent, and everything that was sent is stored. */
  get settled(): boolean {
    return this.answered && this.confirmed >= this.sent
  }

  private watch(): void {
    this.stop()
    this.timer = this.clock.setTimer(() => {
      this.overdue = this.confirmed < this.sent
      this.late()
    }, OVERDUE_MS)
  }
}
