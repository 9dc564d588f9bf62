/**
 * The copy of a page on this device: y-indexeddb, plus what a person must be able to trust.
 *
 * y-indexeddb reads and appends; this adds what it does not say: whether the copy was ever complete, whether it holds
 * something the server has not confirmed, and whether what was written has really been kept. A browser that keeps
 * nothing (private windows, full disks, blocked storage) costs that promise and nothing else: `keeps` becomes false, and
 * the page goes on in memory. Several tabs may have one copy open; each appends, and reads the others' rows when it
 * folds its own.
 */
import { ObservableV2 } from 'lib0/observable'
import { IndexeddbPersistence } from 'y-indexeddb'
import type * as Y from 'yjs'
import { type Clock, realClock } from '../provider/status'
import { type CopyList, deleteCopy, type Mark } from './list'

/** A copy that is not there after so long is not waited for. */
const LOAD_MS = 3_000
/** What is not written after so long is not called kept. */
const WRITE_MS = 2_000
const ROWS = 'updates'
const COMPLETE = 'complete'

export interface CopyOptions {
  name: string
  doc: Y.Doc
  /** Undefined where the browser keeps nothing. */
  list: CopyList | undefined
  clock?: Clock
}

export class DeviceCopy extends ObservableV2<{ change: () => void }> {
  /** Resolves, and never rejects, when what is on the device is in the document, or nothing can be had from it. */
  readonly loaded: Promise<void>
  /** Whether the copy held, at some time, everything the server had. */
  complete = false
  /** Whether it was left with something unsaved by a tab before this one. */
  leftUnsaved = false

  private readonly name: string
  private readonly doc: Y.Doc
  private readonly list: CopyList | undefined
  private readonly clock: Clock
  private readonly tab = crypto.getRandomValues(new Uint32Array(2)).join('-')
  private persistence: IndexeddbPersistence | undefined
  private inherited: Mark[] = []
  private changes = 0
  private ended = false

  private stored = 0
  private written = 0
  private checking = false
  private overdue = false
  private overdueTimer: unknown
  private marked = false

  constructor({ name, doc, list, clock = realClock }: CopyOptions) {
    super()
    this.name = name
    this.doc = doc
    this.list = list
    this.clock = clock
    this.loaded = this.load()
  }

  /** Whether what is in the document survives this tab, as far as this device can promise it. */
  get keeps(): boolean {
    return this.persistence !== undefined && !this.overdue
  }

  /** Whether a change of the document came out of the copy. */
  isSource(origin: unknown): boolean {
    return origin !== null && origin !== undefined && origin === this.persistence
  }

  /** The document now holds what the server has. */
  async completed(): Promise<void> {
    const { persistence } = this
    if (this.complete || !persistence) return
    await this.settled()
    if (persistence !== this.persistence) return
    this.complete = true
    await persistence.set(COMPLETE, 1).catch(() => this.fail())
  }

  /** The document was changed here, and the server has not confirmed it. */
  markUnsaved(): void {
    if (!this.persistence) return
    try {
      this.list?.mark(this.name, this.tab, (this.changes += 1))
      this.marked = true
    } catch {
      this.fail()
    }
  }

  /** The server has confirmed everything the document held when it was loaded, and everything since. */
  markSaved(): void {
    this.leftUnsaved = false
    if (!this.marked && this.inherited.length === 0) return
    const own = this.list?.marks(this.name).filter(({ key }) => key.endsWith(`|${this.tab}`)) ?? []
    this.list?.unmark([...this.inherited, ...own])
    this.inherited = []
    this.marked = false
  }

  /** Resolves when everything so far is written, or cannot be. */
  settled(): Promise<void> {
    if (!this.persistence || this.written >= this.stored) return Promise.resolve()
    return new Promise((resolve) => this.once('change', () => void this.settled().then(resolve)))
  }

  /** Remove the copy from this device. */
  async discard(): Promise<void> {
    this.fail()
    if (!this.list) return
    this.list.forget(this.name)
    await deleteCopy(this.name)
  }

  override destroy(): void {
    this.end()
    super.destroy()
  }

  private async load(): Promise<void> {
    const { list, name, doc } = this
    if (!list) return
    try {
      list.use(name)
      // Before the rows: a mark read now stands for rows that are there when they are read.
      this.inherited = list.marks(name)
      if (!(await this.inTime(openable(name))) || this.ended) return
      const persistence = new IndexeddbPersistence(name, doc)
      // Its own listener writes to a database that may have been closed, and throws into the edit that was made.
      doc.off('update', persistence._storeUpdate)
      doc.on('update', this.store)
      this.persistence = persistence
      const complete = this.inTime(persistence.whenSynced.then(() => persistence.get(COMPLETE)))
      const database = await this.inTime(persistence._db)
      for (const trouble of ['abort', 'close', 'versionchange']) database.addEventListener(trouble, () => this.fail())
      this.complete = Boolean(await complete)
      this.leftUnsaved = this.persistence !== undefined && this.inherited.length > 0
    } catch (error) {
      console.warn('This page is not kept on this device', error)
      this.fail()
    }
  }

  private inTime<Value>(promise: Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      const timer = this.clock.setTimer(() => reject(new Error('The device does not answer')), LOAD_MS)
      promise.then(resolve, reject).finally(() => this.clock.clearTimer(timer))
    })
  }

  private readonly store = (update: Uint8Array, origin: unknown): void => {
    const { persistence } = this
    if (!persistence || this.isSource(origin)) return
    try {
      persistence._storeUpdate(update, origin)
    } catch {
      this.fail()
      return
    }
    this.stored += 1
    this.check()
  }

  /** Find out when what was written so far is kept: a reader waits for the writers before it. */
  private check(): void {
    const database = this.persistence?.db
    if (this.checking || !database || this.written >= this.stored) return
    this.checking = true
    const upTo = this.stored
    this.overdueTimer ??= this.clock.setTimer(() => this.setOverdue(true), WRITE_MS)
    let transaction: IDBTransaction
    try {
      transaction = database.transaction(ROWS, 'readonly')
    } catch {
      return this.fail()
    }
    transaction.objectStore(ROWS).getKey(0)
    transaction.oncomplete = () => {
      this.checking = false
      if (!this.persistence) return
      this.written = upTo
      if (this.written < this.stored) return this.check()
      this.clock.clearTimer(this.overdueTimer)
      this.overdueTimer = undefined
      this.setOverdue(false)
      this.emit('change', [])
    }
  }

  private setOverdue(overdue: boolean): void {
    if (this.overdue === overdue) return
    this.overdue = overdue
    this.emit('change', [])
  }

  /** From here on nothing is kept any more. */
  private fail(): void {
    if (this.end()) this.emit('change', [])
  }

  private end(): boolean {
    this.ended = true
    this.clock.clearTimer(this.overdueTimer)
    const { persistence } = this
    if (!persistence) return false
    this.persistence = undefined
    this.doc.off('update', this.store)
    void Promise.resolve(persistence.destroy()).catch(() => undefined)
    return true
  }
}

/** Whether the browser opens a database of this name: y-indexeddb would wait for ever for one it does not. */
function openable(name: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name)
    request.onupgradeneeded = () => {
      request.result.createObjectStore(ROWS, { autoIncrement: true })
      request.result.createObjectStore('custom')
    }
    request.onerror = () => reject(request.error ?? new Error('The device refused'))
    request.onsuccess = () => {
      request.result.close()
      resolve(true)
    }
  })
}
