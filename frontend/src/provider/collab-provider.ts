/**
 * The connection of one page: y-websocket's provider, plus what a person must be able to trust.
 *
 * It counts the sync frames it sends and compares them with what the server confirms as stored (`saved(n)`), so
 * "saved" is the server's word and never a guess. It follows the server's word about the role, ends the matter on a
 * final close (44xx) and tries again on every other one, later each time. It knows no DOM and no words for people.
 */
import * as decoding from 'lib0/decoding'
import { ObservableV2 } from 'lib0/observable'
import type { Awareness } from 'y-protocols/awareness'
import { WebsocketProvider } from 'y-websocket'
import type * as Y from 'yjs'
import type { Files, Role } from '../contract'
import { backoffMs } from './backoff'
import { isRestart, refusalOf } from './closes'
import { countingSocket, type SocketClass } from './counting-socket'
import { Delivery } from './delivery'
import type { PageCopy } from './page-copy'
import {
  decideStatus,
  realClock,
  type Clock,
  type RefusalReason,
  type Status,
  type Trouble,
  StatusGate,
} from './status'
import {
  mayEdit,
  MESSAGE_NOTICE,
  MESSAGE_SAVED,
  MESSAGE_SYNC,
  type Notice,
  readNotice,
  readSaved,
  SUBPROTOCOL,
} from './wire'

/** A handshake that takes longer is given up and begun again. */
const CONNECT_MS = 10_000
/** Larger than any wait of ours: y-websocket takes the smaller of its own wait and `maxBackoffTime`. */
const NO_OWN_BACKOFF = 12

/** A restart that takes more attempts than this (about a quarter of a minute) is called by no such name any more. */
const RESTART_ATTEMPTS = 6

/** The connection does not wait longer for a slow device. */
const COPY_MS = 500
/** The first connection may take so long before the person is told that there is none. */
const FIRST_CONNECTION_MS = 3_000

export interface ProviderOptions {
  /** Absolute address of the page's socket, without a query. */
  url: string
  doc: Y.Doc
  awareness: Awareness
  /** The role the page was opened with, until the server says otherwise. */
  readOnly: boolean
  /** The page's epoch when it was opened: content of another is never mixed with it. */
  epoch?: number
  /** What this device keeps of the page; the connection begins when it is in the document, if that does not take long. */
  copy?: PageCopy
  /** Largest frame the server takes, in bytes. */
  frameBytes: number
  /** Appended to the address: a token, for clients outside a browser. */
  params?: Record<string, string>
  SocketClass?: SocketClass
  clock?: Clock
  random?: () => number
}

interface ProviderEvents {
  /** The word people are shown; already calmed. */
  status: (status: Status) => void
  'read-only': (readOnly: boolean) => void
  role: (role: Role) => void
  /** The connection came or went, or the server announced that it is about to go. */
  connection: (connection: { connected: boolean; restarting: boolean }) => void
  /** Local changes exist that the server has not confirmed, or no longer do. Not calmed. */
  unsaved: (unsaved: boolean) => void
}

export class CollabProvider extends ObservableV2<{ [Name in keyof ProviderEvents]: ProviderEvents[Name] }> {
  readonly doc: Y.Doc
  readonly awareness: Awareness
  /** Resolves when there is content to show: the server's, or a copy on this device that was complete once. */
  readonly synced: Promise<void>

  role: Role | undefined
  readOnly: boolean
  /** The server said it is going away, or went with that word. */
  restarting = false

  private readonly ws: WebsocketProvider
  private readonly gate: StatusGate
  private readonly clock: Clock
  private readonly random: () => number
  private readonly frameBytes: number
  private readonly copy: PageCopy | undefined
  private resolveSynced!: () => void
  private destroyed = false

  // Of the page, across connections
  private everSynced = false
  /** The device's copy is in the document, or there is none. */
  private copyLoaded: boolean
  private begun = false
  /** A connection was tried, long enough to say that there is none. */
  private tried = false
  private localChanges = false
  /** The server refused changes that are in the document: only a resync with more rights, or a reload, mends that. */
  private rejected = false
  private refused: RefusalReason | undefined
  private trouble: Trouble | undefined
  private files: Files = { sending: 0, failed: 0 }
  private epoch: number | undefined
  private attempts = 0
  private retryAfterMs: number | undefined

  private readonly delivery: Delivery
  private connectTimer: unknown
  private firstTimer: unknown
  private copyTimer: unknown

  constructor(options: ProviderOptions) {
    super()
    this.doc = options.doc
    this.awareness = options.awareness
    this.readOnly = options.readOnly
    this.frameBytes = options.frameBytes
    this.epoch = options.epoch
    this.copy = options.copy
    this.copyLoaded = options.copy === undefined
    this.clock = options.clock ?? realClock
    this.random = options.random ?? Math.random
    this.synced = new Promise((resolve) => {
      this.resolveSynced = resolve
    })
    this.delivery = new Delivery(this.clock, () => this.refresh())
    this.gate = new StatusGate({ kind: 'connecting', shown: false }, this.clock, (status) => this.emit('status', [status]))

    const slash = options.url.lastIndexOf('/')
    this.ws = new WebsocketProvider(options.url.slice(0, slash), options.url.slice(slash + 1), options.doc, {
      connect: false,
      awareness: options.awareness,
      params: options.params ?? {},
      protocols: [SUBPROTOCOL],
      disableBc: true,
      shouldReconnect: (event) => refusalOf(event.code) === undefined,
      WebSocketPolyfill: countingSocket(options.SocketClass ?? WebSocket, {
        opened: () => this.onSocket(),
        allowed: (bytes, first, second) => this.delivery.mayGo(first, second) && this.onFrameSize(bytes),
        sent: (first, second) => this.onSent(first, second),
      }) as typeof WebSocket,
    })
    this.listen()
    this.copy?.on('change', this.onCopy)
    if (this.copy) {
      this.copyTimer = this.clock.setTimer(() => this.begin(), COPY_MS)
      void this.copy.loaded.then(() => this.onCopyLoaded())
    } else this.begin()
  }

  /** The calmed word, as last emitted. */
  get status(): Status {
    return this.gate.shown
  }

  /** The server is there and has sent its content on this connection: being let in and thrown out does not count. */
  get connected(): boolean {
    return this.ws.wsconnected && this.ws.synced
  }

  /** The server ended the matter: only `connect` takes it up again. */
  get ended(): boolean {
    return this.refused !== undefined
  }

  /** Changes of this tab that the server has not confirmed: leaving now would lose them. */
  get unsaved(): boolean {
    return this.unsavedChanges || this.hasFiles
  }

  /** Whether files of this page exist in this tab only. */
  get hasFiles(): boolean {
    return this.files.sending + this.files.failed > 0
  }

  /** Files of this page that are stored beside it, over HTTP, and are not yet. */
  setFiles(files: Files): void {
    this.setUnsaved({ files })
    this.refresh()
  }

  /** Try again now: the network came back, or the person asked to. A refused connection is taken up again. */
  connect(): void {
    if (this.destroyed || !this.begun) return
    this.refused = undefined
    this.ws.connect()
    this.refresh()
  }

  /** Do not wait for the next attempt, if one is being waited for. */
  hurry(): void {
    if (!this.ended && !this.ws.wsconnected) this.connect()
  }

  /** Leave and come back, for example under another name. */
  reconnect(): void {
    if (this.destroyed || this.refused || !this.begun) return
    this.ws.disconnect()
    this.ws.connect()
  }

  override destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.delivery.stop()
    this.clock.clearTimer(this.connectTimer)
    this.clock.clearTimer(this.firstTimer)
    this.clock.clearTimer(this.copyTimer)
    this.gate.destroy()
    this.copy?.off('change', this.onCopy)
    this.doc.off('update', this.onUpdate)
    this.ws.destroy()
    super.destroy()
  }

  private onCopyLoaded(): void {
    if (this.destroyed) return
    const late = this.begun
    this.copyLoaded = true
    if (this.copy?.leftUnsaved) this.setUnsaved({ localChanges: true })
    if (this.copy?.complete) this.resolveSynced()
    this.begin()
    // The server may have been told already that there is nothing; it is asked anew what it lacks.
    if (late && this.unsaved) this.reconnect()
    this.refresh()
  }

  private begin(): void {
    if (this.destroyed || this.begun) return
    this.clock.clearTimer(this.copyTimer)
    this.begun = true
    this.firstTimer = this.clock.setTimer(() => this.onTried(), FIRST_CONNECTION_MS)
    this.ws.connect()
    this.refresh()
  }

  private onTried(): void {
    this.tried = true
    this.refresh()
  }

  private readonly onCopy = (): void => this.refresh()

  private listen(): void {
    const { ws } = this
    const readSync = ws.messageHandlers[MESSAGE_SYNC]!
    ws.messageHandlers[MESSAGE_SYNC] = (...message) => {
      readSync(...message)
      this.refresh()
    }
    ws.messageHandlers[MESSAGE_SAVED] = (_encoder: unknown, decoder: decoding.Decoder) => this.onSaved(readSaved(decoder))
    ws.messageHandlers[MESSAGE_NOTICE] = (_encoder: unknown, decoder: decoding.Decoder) => {
      const notice = readNotice(decoder)
      if (notice) this.onNotice(notice)
    }
    ws.on('sync', (synced: boolean) => {
      if (!synced) return
      this.attempts = 0
      this.everSynced = true
      this.restarting = false
      this.resolveSynced()
      void this.copy?.completed()
      this.onConnection()
    })
    ws.on('status', ({ status }: { status: string }) => {
      this.clock.clearTimer(this.connectTimer)
      if (status === 'connecting') this.connectTimer = this.clock.setTimer(() => this.reconnect(), CONNECT_MS)
      this.onConnection()
    })
    ws.on('connection-close', (event: CloseEvent | null) => this.onClose(event))
    ws.on('closed', ({ code }: { code: number }) => this.refuse(refusalOf(code) ?? 'not-allowed'))
    // After y-websocket's own listener, so a change has been sent, if it could be, when this one runs.
    this.doc.on('update', this.onUpdate)
  }

  private onSocket(): void {
    this.delivery.reset()
    this.trouble = undefined
  }

  private onFrameSize(bytes: number): boolean {
    if (bytes <= this.frameBytes) return true
    // Within y-websocket's own send loop the socket must stay; leave right after it.
    queueMicrotask(() => this.refuse('too-large'))
    return false
  }

  private onSent(first: number, second: number): void {
    this.delivery.onSent(first, second)
    if (first === MESSAGE_SYNC) this.refresh()
  }

  private onSaved(count: number): void {
    this.delivery.onSaved(count)
    if (this.isSettled()) {
      this.setUnsaved({ localChanges: false })
      if (!this.unsavedChanges) this.copy?.markSaved()
    }
    this.refresh()
  }

  private isSettled(): boolean {
    return this.ws.wsconnected && this.copyLoaded && this.delivery.settled
  }

  private readonly onUpdate = (_update: Uint8Array, origin: unknown): void => {
    if (origin === this.ws) return
    const socket = this.ws.ws
    this.delivery.onEdit(this.ws.wsconnected && socket !== null && socket.readyState === socket.OPEN)
    // What another tab of the same person wrote down is marked by that tab.
    if (this.copy?.isSource(origin)) return this.refresh()
    this.copy?.markUnsaved()
    this.setUnsaved({ localChanges: true })
    this.refresh()
  }

  private onNotice(notice: Notice): void {
    switch (notice.kind) {
      case 'role':
        this.onRole(notice.role, notice.epoch)
        break
      case 'read-only':
        this.setUnsaved({ rejected: true })
        this.setReadOnly(true)
        break
      case 'too-large':
        this.refuse('too-large')
        break
      case 'not-saved':
        this.trouble = notice.why
        break
      case 'saved-again':
        this.trouble = undefined
        break
      case 'draining':
        this.restarting = true
        this.retryAfterMs = notice.retryAfterMs
        this.onConnection()
        break
    }
    this.refresh()
  }

  private onRole(role: Role, epoch: number): void {
    if (this.epoch !== undefined && epoch !== this.epoch) {
      this.refuse('replaced')
      return
    }
    this.epoch = epoch
    this.role = role
    this.emit('role', [role])
    this.setReadOnly(!mayEdit(role))
    if (this.rejected && mayEdit(role)) {
      // What was refused is still in the document; a new handshake offers it again.
      this.setUnsaved({ rejected: false, localChanges: true })
      queueMicrotask(() => this.reconnect())
    }
  }

  private onClose(event: CloseEvent | null): void {
    this.attempts += 1
    this.tried = true
    if (isRestart(event?.code)) this.restarting = true
    if (this.attempts > RESTART_ATTEMPTS) this.restarting = false
    this.ws.wsUnsuccessfulReconnects = NO_OWN_BACKOFF
    this.ws.maxBackoffTime = this.retryAfterMs ?? backoffMs(this.attempts, this.random())
    this.retryAfterMs = undefined
    this.delivery.reset()
    this.clock.clearTimer(this.connectTimer)
  }

  private refuse(reason: RefusalReason): void {
    if (this.destroyed || this.refused) return
    this.refused = reason
    this.ws.disconnect()
    this.delivery.stop()
    this.refresh()
  }

  private get unsavedChanges(): boolean {
    return this.localChanges || this.rejected
  }

  private setUnsaved(change: { localChanges?: boolean; rejected?: boolean; files?: Files }): void {
    const before = this.unsaved
    this.localChanges = change.localChanges ?? this.localChanges
    this.rejected = change.rejected ?? this.rejected
    this.files = change.files ?? this.files
    if (before !== this.unsaved) this.emit('unsaved', [this.unsaved])
  }

  private setReadOnly(readOnly: boolean): void {
    if (this.readOnly === readOnly) return
    this.readOnly = readOnly
    this.emit('read-only', [readOnly])
  }

  private onConnection(): void {
    this.emit('connection', [{ connected: this.connected, restarting: this.restarting }])
    this.refresh()
  }

  private refresh(): void {
    if (this.destroyed) return
    this.gate.offer(
      decideStatus({
        refused: this.refused,
        connected: this.connected,
        everSynced: this.everSynced,
        copy: { shown: this.copy?.complete ?? false, keeps: this.copy?.keeps ?? false },
        tried: this.tried,
        answered: this.delivery.answered,
        confirmed: this.isSettled(),
        everConfirmed: this.copyLoaded && this.delivery.everConfirmed,
        readOnly: this.readOnly,
        unsaved: this.unsaved,
        trouble: this.trouble,
        overdue: this.delivery.overdue,
        files: this.files,
      }),
    )
  }
}
