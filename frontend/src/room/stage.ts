/** Where one page at a time is shown: switching, skeleton, bars and refusals around it. */
import type { Role } from '../contract'
import type { Status } from '../provider/status'
import { Bars } from './bars'
import type { PageInfo, RoomData } from './bootstrap'
import { settleSuperseded } from './leftovers'
import { PageSession } from './page-session'
import { keepsPageVisible, leavesCopy, type Refusal, refusalPanel, reloadsAfresh } from './refusal'
import { roomStrings } from './strings'
import { announce, toast } from './toasts'

/** A connection that comes back sooner is not worth a word. */
const UNHEARD_MS = 1_500

export class Stage {
  private session: PageSession | undefined
  /** Pages that were left while something was unsaved. */
  private readonly leaving = new Map<string, PageSession>()
  /** Counts what was shown: what arrives late for an earlier page is not shown any more. */
  private turns = 0
  private refusal: HTMLElement | undefined
  private roomRefusal: Refusal | undefined
  /** The person was told what is lost and chose to reload: do not ask again. */
  private reloading = false
  private barTimer: ReturnType<typeof setTimeout> | undefined

  constructor(
    private readonly place: HTMLElement,
    private readonly skeleton: HTMLElement,
    private readonly bars: Bars,
    private readonly data: RoomData,
    private readonly tell: { status(status: Status): void; role(role: Role): void; connected(): void },
  ) {
    addEventListener('beforeunload', (event) => {
      if (this.unsaved && !this.reloading) event.preventDefault()
    })
  }

  /** Whether leaving the room now would lose something. */
  get unsaved(): boolean {
    return this.sessions().some((session) => session.unsaved)
  }

  private sessions(): PageSession[] {
    return [...(this.session ? [this.session] : []), ...this.leaving.values()]
  }

  get current(): PageSession | undefined {
    return this.session
  }

  show(page: PageInfo): void {
    if (this.session?.page.id === page.id || this.roomRefusal) return
    this.leave()
    const session = this.leaving.get(page.id) ?? this.begin(page)
    this.leaving.delete(page.id)
    this.session = session
    session.provider.hurry()
    this.present(session)
  }

  /** The room as a whole is closed to this person. */
  refuseRoom(refusal: Refusal): void {
    this.roomRefusal = refusal
    const unsaved = this.unsaved
    this.clearBar()
    this.dropCopies(refusal, this.sessions())
    this.showRefusal(refusal, this.session?.unsaved ?? false)
    this.session?.unmount()
    this.session?.provider.destroy()
    this.tell.status({ kind: 'refused', reason: refusal === 'not-loaded' ? 'unknown' : refusal, unsaved })
  }

  /** The network is back, or the tab is looked at again: do not wait for the next attempt. */
  hurry(): void {
    this.session?.provider.hurry()
    for (const session of this.leaving.values()) session.provider.hurry()
  }

  /** Leave and come back under another name. */
  reconnect(): void {
    this.session?.provider.reconnect()
  }

  private begin(page: PageInfo): PageSession {
    const session = new PageSession(page, this.data)
    void settleSuperseded(page, this.data)
    const { provider } = session
    provider.on('status', (status) => {
      if (session === this.session) {
        this.tell.status(status)
        this.showStatus(session, status)
      } else if (status.kind === 'refused' || (status.kind === 'read-only' && status.unsaved)) this.giveUp(session)
    })
    provider.on('connection', ({ connected }) => {
      if (session === this.session) this.showConnection(session)
      if (connected) this.tell.connected()
    })
    provider.on('role', (role) => this.tell.role(role))
    provider.on('unsaved', (unsaved) => {
      if (!unsaved && this.leaving.get(page.id) === session) this.end(session)
    })
    return session
  }

  private present(session: PageSession): void {
    const { provider } = session
    const turn = (this.turns += 1)
    this.skeleton.dataset['kind'] = session.page.kind
    this.skeleton.hidden = false
    this.tell.status(provider.status)
    this.showStatus(session, provider.status)
    this.showConnection(session)
    session
      .mount(this.place)
      .then(() => provider.synced)
      .then(() => {
        if (turn === this.turns) this.skeleton.hidden = true
      })
      .catch((error: unknown) => {
        console.error(error)
        if (turn === this.turns) this.showRefusal('not-loaded', session.unsaved)
      })
  }

  private leave(): void {
    const session = this.session
    if (!session) return
    this.clearBar()
    this.refusal?.remove()
    this.refusal = undefined
    this.turns += 1
    this.session = undefined
    session.leave()
    // A refused page will never be saved; what it held was said when it was refused.
    if (session.provider.unsaved && !session.provider.ended) this.leaving.set(session.page.id, session)
    else this.end(session)
  }

  /** A page in the background whose changes will never be taken: say so instead of waiting for ever. */
  private giveUp(session: PageSession): void {
    if (!this.leaving.has(session.page.id)) return
    toast(roomStrings().lostOnPage(session.page.title), 'error')
    this.end(session)
  }

  private end(session: PageSession): void {
    this.leaving.delete(session.page.id)
    // Not in the middle of the provider's own event.
    queueMicrotask(() => session.destroy())
  }

  private showStatus(session: PageSession, status: Status): void {
    if (status.kind === 'refused') {
      this.clearBar()
      if (keepsPageVisible(status.reason)) session.shown?.setReadOnly(true)
      else session.unmount()
      this.dropCopies(status.reason, [session])
      this.showRefusal(status.reason, status.unsaved)
    } else if (this.refusal && !this.roomRefusal) {
      this.refusal.remove()
      this.refusal = undefined
      session.shown?.setReadOnly(session.provider.readOnly)
    }
    if (status.kind === 'read-only' && status.unsaved) {
      const strings = roomStrings()
      this.bars.show({
        message: strings.lostRight,
        tone: 'warning',
        actions: [
          { label: strings.saveCopy, run: () => session.saveCopy() },
          { label: strings.lostRightAction, run: () => this.startOver(session) },
        ],
      })
      announce(strings.lostRight)
    } else this.showConnection(session)
  }

  private showConnection(session: PageSession): void {
    const { provider } = session
    const strings = roomStrings()
    if (provider.status.kind === 'refused' || (provider.readOnly && provider.unsaved)) return
    clearTimeout(this.barTimer)
    if (provider.restarting) {
      this.bars.show({ message: provider.unsaved ? strings.restartingUnsaved : strings.restarting, tone: 'quiet' })
    } else if (provider.connected) {
      this.bars.show(undefined)
    } else {
      this.barTimer = setTimeout(() => {
        if (session === this.session && !provider.connected) this.bars.show({ message: strings.reconnecting, tone: 'quiet' })
      }, UNHEARD_MS)
    }
  }

  private clearBar(): void {
    clearTimeout(this.barTimer)
    this.bars.show(undefined)
  }

  private showRefusal(refusal: Refusal, unsaved: boolean): void {
    this.refusal?.remove()
    this.skeleton.hidden = true
    const { session } = this
    const left = unsaved && session ? { kept: session.copy.keeps } : undefined
    this.refusal = refusalPanel(refusal, left, this.data, {
      tryAgain: () => session?.provider.connect(),
      reload: () => {
        this.reloading = true
        const ready = reloadsAfresh(refusal) ? session?.giveUp() : undefined
        void Promise.resolve(ready).then(() => location.reload())
      },
      saveCopy: () => {
        session?.saveCopy()
        // Who lost the page has a file now, and no further use for a copy.
        if (!leavesCopy(refusal)) void session?.giveUp()
      },
    })
    this.place.append(this.refusal)
  }

  /** Access is gone: copies that hold nothing unsaved are of no use to anybody. */
  private dropCopies(refusal: Refusal, sessions: PageSession[]): void {
    if (leavesCopy(refusal)) return
    for (const session of sessions) if (!session.unsaved) void session.giveUp()
  }

  /** Throw the copy of this tab and device away and take the server's: the way on after a right was lost. */
  private startOver(session: PageSession): void {
    if (session !== this.session) return
    const { page } = session
    this.clearBar()
    this.turns += 1
    this.session = undefined
    session.unmount()
    // Before the page is opened again: the device must not bring back what was refused.
    void session.giveUp()
    queueMicrotask(() => session.destroy())
    this.show(page)
  }
}
