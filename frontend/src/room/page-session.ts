/**
 * One page of the room while this tab knows it: its document, its connection, and the view while it is shown.
 *
 * Leaving a page destroys the view at once and the session as soon as everything is saved; a session that holds
 * something unsaved stays connected in the background, and is picked up again if the person comes back. A view with files
 * that are not stored yet is only hidden: it alone has them.
 */
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { MountPage, PageView } from '../contract'
import { language } from '../i18n'
import { CollabProvider } from '../provider/collab-provider'
import { DeviceCopy } from '../device/copy'
import { deviceList, nameOf } from '../device/list'
import { download, rescue } from '../rescue'
import { upload } from './api'
import { h } from './element'
import { type PageInfo, type RoomData, socketUrl } from './bootstrap'
import { currentTheme } from './theme-choice'
import { toast } from './toasts'

const KINDS: Record<PageInfo['kind'], () => Promise<{ mount: MountPage }>> = {
  board: () => import('../board/index'),
  document: () => import('../document/index'),
}

/** Begin loading the code of a kind when it is about to be needed. */
export function preload(kind: PageInfo['kind'] | undefined): void {
  if (kind) KINDS[kind]().catch(() => undefined)
}

export class PageSession {
  readonly doc = new Y.Doc()
  readonly awareness = new Awareness(this.doc)
  /** What this device keeps of the page. */
  readonly copy: DeviceCopy
  readonly provider: CollabProvider
  private view: PageView | undefined
  private container: HTMLElement | undefined
  private mounted = 0
  private givenUp = false

  constructor(
    readonly page: PageInfo,
    private readonly data: RoomData,
  ) {
    const name = nameOf({ user: data.me.id, page: page.id, epoch: page.epoch })
    this.copy = new DeviceCopy({ name, doc: this.doc, list: deviceList() })
    this.provider = new CollabProvider({
      url: socketUrl(page.socket),
      doc: this.doc,
      awareness: this.awareness,
      readOnly: !data.room.can.edit,
      epoch: page.epoch,
      copy: this.copy,
      frameBytes: data.limits.frame_bytes,
    })
    this.provider.on('read-only', (readOnly) => this.view?.setReadOnly(readOnly))
  }

  /** Whether something here is not stored, and the person has not given it up. */
  get unsaved(): boolean {
    return !this.givenUp && this.provider.unsaved
  }

  /** Hand the person a file of what is in this tab. */
  saveCopy(): void {
    download(rescue(this.doc, this.page))
  }

  /** What is not stored will not be: this device forgets it too. */
  giveUp(): Promise<void> {
    this.givenUp = true
    return this.copy.discard()
  }

  get shown(): PageView | undefined {
    return this.view
  }

  /** Show the page at the end of `place`, with the view it was left with if there still is one. Rejects when its code cannot be loaded. */
  async mount(place: HTMLElement): Promise<void> {
    if (this.awareness.getLocalState() === null) this.awareness.setLocalState({})
    if (this.view && this.container) {
      this.container.hidden = false
      this.view.setTheme(currentTheme())
      return
    }
    const turn = (this.mounted += 1)
    const container = h('div', { class: 'page-view', 'data-kind': this.page.kind })
    this.container?.remove()
    this.container = container
    place.append(container)
    const { mount } = await KINDS[this.page.kind]()
    if (turn !== this.mounted) return
    const { page, data, provider } = this
    const view = await mount({
      container,
      doc: this.doc,
      awareness: this.awareness,
      page: { id: page.id, kind: page.kind, title: page.title },
      me: data.me,
      readOnly: provider.readOnly,
      language: language(),
      theme: currentTheme(),
      synced: provider.synced,
      upload: (file, onProgress) => upload(data, page.files, file, onProgress),
      files: (files) => {
        if (turn === this.mounted) provider.setFiles(files)
      },
      notify: toast,
    })
    if (turn !== this.mounted) {
      view.destroy()
      return
    }
    this.view = view
    // What changed while the view was being made
    view.setReadOnly(provider.readOnly)
    view.setTheme(currentTheme())
  }

  /** Take the page from the screen; others no longer see a cursor here. */
  leave(): void {
    if (!this.view || !this.container || !this.provider.hasFiles) return this.unmount()
    this.container.hidden = true
    this.awareness.setLocalState(null)
  }

  /** Take the view away, and with it what only the view has. */
  unmount(): void {
    this.mounted += 1
    this.view?.destroy()
    this.view = undefined
    this.container?.remove()
    this.container = undefined
    this.awareness.setLocalState(null)
    this.provider.setFiles({ sending: 0, failed: 0 })
  }

  destroy(): void {
    this.unmount()
    this.provider.destroy()
    this.copy.destroy()
    this.awareness.destroy()
    this.doc.destroy()
  }
}
