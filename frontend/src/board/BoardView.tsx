/** The board as a React component: Excalidraw, with our binding, presence and images behind it. */
import './assets'
import '@excalidraw/excalidraw/index.css'
import './board.css'
import {
  CaptureUpdateAction,
  Excalidraw,
  isInvisiblySmallElement,
  MainMenu,
  reconcileElements,
  restoreElements,
} from '@excalidraw/excalidraw'
import type { ExcalidrawImageElement, OrderedExcalidrawElement } from '@excalidraw/excalidraw/element/types'
import type {
  AppState,
  BinaryFileData,
  BinaryFiles,
  Collaborator,
  ExcalidrawImperativeAPI,
  SocketId,
} from '@excalidraw/excalidraw/types'
import { useEffect, useRef, useState } from 'react'
import * as Y from 'yjs'
import { type PageContext, SHARED_TYPES, type Theme } from '../contract'
import { Binding, type Scene, type SceneElement } from './binding'
import { withBoundElements } from './bound'
import { onCanvas } from './colors'
import { Images } from './images'
import { Pace } from './pace'
import { BoardPresence } from './presence'
import { boardStrings } from './strings'
import { withoutSvg } from './svg'

/** Others' changes are shown this often, and less often where showing them takes long (thousands of elements). */
const SHOW_MS = 16
/** A gesture is shared this often, and less often the more elements it moves. */
const GESTURE_MS = 50
const GESTURE_MS_EACH = 2
const GESTURE_MS_MOST = 1_000

/** What the page view can ask of the component, and what tests look at. */
export interface BoardHandle {
  api: ExcalidrawImperativeAPI
  binding: Binding
  doc: Y.Doc
  /** Whether the server's content is shown. */
  readonly started: boolean
}

/** A property that our build of Excalidraw adds (`plugins/excalidraw.ts`): the name of the menu's button. */
const menuLabel = (label: string): object => ({ label })

interface Props {
  context: PageContext
  readOnly: boolean
  theme: Theme
  ready(handle: BoardHandle): void
}

export function BoardView({ context, readOnly, theme, ready }: Props) {
  const [api, setApi] = useState<ExcalidrawImperativeAPI | null>(null)
  const [synced, setSynced] = useState(false)
  const [empty, setEmpty] = useState(false)
  const board = useRef<Board | null>(null)
  const words = boardStrings(context.language)
  const locked = readOnly || !synced

  useEffect(() => {
    if (!api) return
    const started = new Board(context, api, setEmpty)
    board.current = started
    ready(started)
    void context.synced.then(() => {
      if (board.current !== started) return
      started.start()
      setSynced(true)
    })
    return () => {
      board.current = null
      started.stop()
    }
  }, [api, context, ready])

  useEffect(() => board.current?.setReadOnly(locked), [api, locked])
  useEffect(() => board.current?.setTheme(theme), [api, theme])

  return (
    <>
      <Excalidraw
        excalidrawAPI={setApi}
        onChange={(_, appState, files) => board.current?.changed(appState, files)}
        onPointerUpdate={({ pointer, button }) => board.current?.presence.point({ ...pointer, button })}
        viewModeEnabled={locked}
        theme={theme}
        langCode={context.language}
        name={context.page.title}
        isCollaborating
        validateEmbeddable={false}
        aiEnabled={false}
        autoFocus
        UIOptions={{
          canvasActions: {
            changeViewBackgroundColor: false,
            clearCanvas: false,
            export: false,
            loadScene: false,
            saveToActiveFile: false,
            toggleTheme: false,
            saveAsImage: true,
          },
        }}
      >
        <MainMenu {...menuLabel(words.menu)}>
          <MainMenu.DefaultItems.SaveAsImage />
          <MainMenu.DefaultItems.SearchMenu />
          <MainMenu.DefaultItems.Help />
        </MainMenu>
      </Excalidraw>
      {empty && synced ? <EmptyHint words={words} readOnly={readOnly} /> : null}
    </>
  )
}

/** The keys of the tools people begin with. */
const FIRST_TOOLS = [
  ['P', 'pen'],
  ['R', 'rectangle'],
  ['A', 'arrow'],
  ['T', 'text'],
] as const

/** What to do first, in the middle of a board on which nobody has drawn yet. */
function EmptyHint({ words, readOnly }: { words: ReturnType<typeof boardStrings>; readOnly: boolean }) {
  return (
    <div className="board-hint">
      <p className="board-hint-title">{readOnly ? words.emptyViewer : words.empty}</p>
      {readOnly ? null : (
        <ul className="board-hint-keys">
          {FIRST_TOOLS.map(([key, tool]) => (
            <li key={key}>
              <kbd>{key}</kbd> {words[tool]}
            </li>
          ))}
        </ul>
      )}
      {readOnly ? null : <p className="board-hint-text">{words.emptyImage}</p>}
      {readOnly ? null : <p className="board-hint-touch">{words.emptyTouch}</p>}
    </div>
  )
}

/** Everything behind one mounted Excalidraw. */
class Board implements Scene, BoardHandle {
  readonly binding: Binding
  readonly presence: BoardPresence
  readonly doc: Y.Doc
  private readonly images: Images
  private readonly words: ReturnType<typeof boardStrings>
  private readonly files: Y.Map<unknown>
  private readOnly = true
  started = false
  private frame = 0
  private empty = false
  private theme: Theme
  private readonly showing = new Pace(
    () => this.catchUp(),
    (cost) => Math.max(SHOW_MS, 4 * cost),
  )
  private readonly sharing = new Pace(
    () => this.binding.share(),
    () => Math.min(GESTURE_MS_MOST, GESTURE_MS + GESTURE_MS_EACH * Object.keys(this.api.getAppState().selectedElementIds).length),
  )

  constructor(
    private readonly context: PageContext,
    readonly api: ExcalidrawImperativeAPI,
    private readonly tellEmpty: (empty: boolean) => void,
  ) {
    this.doc = context.doc
    this.theme = context.theme
    const words = boardStrings(context.language)
    this.words = words
    this.binding = new Binding(context.doc, this, Date.now, () => this.showing.soon())
    this.binding.setReadOnly(true)
    this.presence = new BoardPresence(context.awareness)
    this.files = context.doc.getMap(SHARED_TYPES.files)
    this.images = new Images(this.files, {
      upload: async (file) => context.upload(await withoutSvg(file)),
      add: (file) => void this.add(file as unknown as BinaryFileData),
      mark: (fileId, status) => this.mark(fileId, status),
      failed: (why) => context.notify(words.uploadFailed(why), 'error'),
      again: () => this.onFiles(),
      missing: () => context.notify(words.imageMissing, 'error'),
      unstored: (files) => context.files(files),
    })
    context.awareness.on('change', this.onAwareness)
    this.files.observe(this.onFiles)
    context.container.addEventListener('pointerleave', this.onLeave)
    addEventListener('online', this.onOnline)
  }

  start(): void {
    this.started = true
    this.binding.start()
    this.onFiles()
    this.onAwareness()
    if (this.elements().some((element) => !element.isDeleted)) {
      this.api.scrollToContent(undefined, { fitToViewport: true, viewportZoomFactor: 0.8, maxZoom: 1, animate: false })
    }
    this.api.history.clear()
    this.noteEmpty()
  }

  stop(): void {
    // The last gesture may not have been shared yet.
    this.binding.share()
    this.started = false
    this.binding.stop()
    this.showing.stop()
    this.sharing.stop()
    this.presence.destroy()
    this.images.stop()
    cancelAnimationFrame(this.frame)
    this.context.awareness.off('change', this.onAwareness)
    this.files.unobserve(this.onFiles)
    this.context.container.removeEventListener('pointerleave', this.onLeave)
    removeEventListener('online', this.onOnline)
  }

  setReadOnly(readOnly: boolean): void {
    this.readOnly = readOnly
    this.binding.setReadOnly(readOnly)
    if (readOnly) this.presence.stroke(null)
    if (this.started && !readOnly) this.binding.sweep()
  }

  setTheme(theme: Theme): void {
    this.theme = theme
    this.showPeople()
  }

  /** Something in the scene or around it changed. */
  changed(appState: AppState, files: BinaryFiles): void {
    if (!this.started) return
    if (this.inGesture(appState)) this.sharing.soon()
    else this.sharing.run()
    this.noteEmpty()
    this.presence.select(Object.keys(appState.selectedElementIds))
    const stroke = this.unfinishedStroke()
    this.presence.stroke(this.readOnly ? null : (stroke as unknown as Record<string, unknown> | null))
    this.images.sync(this.fileIds(), files, !this.readOnly)
  }

  // Scene

  elements(): readonly SceneElement[] {
    return this.api.getSceneElementsIncludingDeleted()
  }

  show(elements: readonly SceneElement[]): void {
    const bound = withBoundElements(elements)
    // Excalidraw's own function brings them into the order of their index and mends double ones.
    const ordered = reconcileElements(bound as unknown as OrderedExcalidrawElement[], [], this.api.getAppState())
    this.api.updateScene({ elements: ordered, captureUpdate: CaptureUpdateAction.NEVER })
  }

  finish(element: Readonly<Record<string, unknown>>, previous: SceneElement | undefined): SceneElement | null {
    const known = previous as unknown as Record<string, unknown> | undefined
    const fileId = element['fileId']
    const whole = {
      ...element,
      ...(element['type'] === 'image'
        ? { status: typeof fileId === 'string' && this.images.entry(fileId) ? 'saved' : (known?.['status'] ?? 'pending') }
        : {}),
      boundElements: known?.['boundElements'] ?? [],
      version: (previous?.version ?? 0) + 1,
      versionNonce: Math.floor(Math.random() * 2 ** 31),
      updated: Date.now(),
    }
    // One at a time: given several, it rewrites their order.
    const [restored] = restoreElements([whole as unknown as OrderedExcalidrawElement], null)
    return (restored as SceneElement | undefined) ?? null
  }

  held(): ReadonlySet<string> {
    const state = this.api.getAppState()
    const held = new Set<string>()
    for (const element of [state.newElement, state.multiElement, state.resizingElement, state.editingTextElement]) {
      if (element) held.add(element.id)
    }
    if (state.editingLinearElement) held.add(state.editingLinearElement.elementId)
    if (state.croppingElementId) held.add(state.croppingElementId)
    if (state.selectedElementsAreBeingDragged || state.isResizing || state.isRotating) {
      Object.keys(state.selectedElementIds).forEach((id) => held.add(id))
    }
    return held
  }

  unfinished(): string | null {
    const { newElement } = this.api.getAppState()
    // Excalidraw takes a shape away again that was not drawn larger than a click.
    if (newElement && isInvisiblySmallElement(newElement)) return newElement.id
    return this.unfinishedStroke()?.id ?? null
  }

  refused(count: number): void {
    this.context.notify(this.words.refused(count), 'error')
  }

  private inGesture(state: AppState): boolean {
    return Boolean(state.newElement ?? state.resizingElement) || state.selectedElementsAreBeingDragged || state.isResizing || state.isRotating
  }

  private catchUp(): void {
    // What was changed here must be shared before others' changes of the same element are shown.
    if (!this.inGesture(this.api.getAppState())) this.binding.share()
    this.binding.catchUp()
    this.noteEmpty()
  }

  private noteEmpty(): void {
    const empty = this.api.getSceneElements().length === 0
    if (empty === this.empty) return
    this.empty = empty
    this.tellEmpty(empty)
  }

  private unfinishedStroke() {
    const { newElement } = this.api.getAppState()
    return newElement?.type === 'freedraw' ? newElement : null
  }

  /** The file of each image on the board; one file may be there several times. */
  private fileIds(): string[] {
    return this.api.getSceneElements().flatMap((one) => (one.type === 'image' && one.fileId ? [one.fileId] : []))
  }

  /** Hand a file to Excalidraw and, when it is decoded, have its images drawn anew. */
  private async add(file: BinaryFileData): Promise<void> {
    this.api.addFiles([file])
    const image = new Image()
    image.src = file.dataURL
    await image.decode().catch(() => undefined)
    await new Promise(requestAnimationFrame)
    // Excalidraw forgets the placeholder of the objects it had when the file came; others' changes made new ones.
    if (this.started) this.replaceImages(file.id, (element) => ({ ...element }))
  }

  private mark(fileId: string, status: 'saved' | 'error'): void {
    this.replaceImages(fileId, (element) => (element.status === status ? element : { ...element, status }))
  }

  private replaceImages(fileId: string, replace: (image: ExcalidrawImageElement) => ExcalidrawImageElement): void {
    const before = this.api.getSceneElementsIncludingDeleted()
    const elements = before.map((one) => (one.type === 'image' && one.fileId === fileId ? replace(one) : one))
    if (elements.some((one, at) => one !== before[at])) {
      this.api.updateScene({ elements, captureUpdate: CaptureUpdateAction.NEVER })
    }
  }

  private readonly onFiles = (): void => {
    if (this.started) this.images.sync(this.fileIds(), this.api.getFiles(), !this.readOnly)
  }

  private readonly onLeave = (): void => this.presence.leave()

  private readonly onOnline = (): void => {
    this.images.retry()
    this.onFiles()
  }

  private readonly onAwareness = (changes?: Record<'added' | 'updated' | 'removed', number[]>): void => {
    const mine = this.context.awareness.clientID
    if (changes && Object.values(changes).every((clients) => clients.every((client) => client === mine))) return
    this.showPeople()
  }

  /** At most once a frame: twenty people's cursors come as twenty messages. */
  private showPeople(): void {
    if (this.frame || !this.started) return
    this.frame = requestAnimationFrame(() => {
      this.frame = 0
      const collaborators = new Map<SocketId, Collaborator>()
      this.presence.cursors().forEach((cursor, client) => {
        collaborators.set(client as SocketId, {
          id: cursor.id,
          socketId: client as SocketId,
          username: cursor.name,
          // The board's build paints cursors in `background` and names in `stroke`.
          color: { background: onCanvas(cursor.color, this.theme), stroke: onCanvas('#ffffff', this.theme) },
          button: cursor.button,
          selectedElementIds: Object.fromEntries(cursor.selected.map((id) => [id, true as const])),
          ...(cursor.pointer ? { pointer: { ...cursor.pointer, laserColor: cursor.color } } : {}),
        })
      })
      this.binding.showGhosts(this.presence.strokes())
      this.api.updateScene({ collaborators })
    })
  }
}
