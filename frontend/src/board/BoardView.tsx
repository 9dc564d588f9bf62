/** The board as a React component: Excalidraw, with our binding, presence and images behind it. */
import './assets'
import '@excalidraw/excalidraw/index.css'
import './board.css'
import { CaptureUpdateAction, Excalidraw, MainMenu, reconcileElements, restoreElements } from '@excalidraw/excalidraw'
import type { OrderedExcalidrawElement } from '@excalidraw/excalidraw/element/types'
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
import { Images } from './images'
import { BoardPresence } from './presence'
import { boardStrings } from './strings'

/** What the page view can ask of the component, and what tests look at. */
export interface BoardHandle {
  api: ExcalidrawImperativeAPI
  binding: Binding
  doc: Y.Doc
  /** Whether the server's content is shown. */
  readonly started: boolean
}

interface Props {
  context: PageContext
  readOnly: boolean
  theme: Theme
  ready(handle: BoardHandle): void
}

export function BoardView({ context, readOnly, theme, ready }: Props) {
  const [api, setApi] = useState<ExcalidrawImperativeAPI | null>(null)
  const [synced, setSynced] = useState(false)
  const board = useRef<Board | null>(null)
  const words = boardStrings(context.language)
  const locked = readOnly || !synced

  useEffect(() => {
    if (!api) return
    const started = new Board(context, api)
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

  useEffect(() => board.current?.setReadOnly(locked), [locked])

  return (
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
      handleKeyboardGlobally
      UIOptions={{
        canvasActions: {
          changeViewBackgroundColor: false,
          clearCanvas: !locked,
          export: false,
          loadScene: false,
          saveToActiveFile: false,
          toggleTheme: false,
          saveAsImage: true,
        },
      }}
    >
      <MainMenu>
        <MainMenu.DefaultItems.SaveAsImage />
        <MainMenu.DefaultItems.SearchMenu />
        <MainMenu.DefaultItems.Help />
        {locked ? null : <MainMenu.DefaultItems.ClearCanvas />}
      </MainMenu>
      <span className="visually-hidden">{words.board}</span>
    </Excalidraw>
  )
}

/** Everything behind one mounted Excalidraw. */
class Board implements Scene, BoardHandle {
  readonly binding: Binding
  readonly presence: BoardPresence
  readonly doc: Y.Doc
  private readonly images: Images
  private readonly files: Y.Map<unknown>
  private readOnly = true
  started = false
  private frame = 0

  constructor(
    private readonly context: PageContext,
    readonly api: ExcalidrawImperativeAPI,
  ) {
    this.doc = context.doc
    const words = boardStrings(context.language)
    this.binding = new Binding(context.doc, this)
    this.binding.readOnly = true
    this.presence = new BoardPresence(context.awareness)
    this.files = context.doc.getMap(SHARED_TYPES.files)
    this.images = new Images(this.files, {
      upload: (file) => context.upload(file),
      add: (file) => api.addFiles([file as unknown as BinaryFileData]),
      mark: (fileId, status) => this.mark(fileId, status),
      failed: (why) => context.notify(words.uploadFailed(why), 'error'),
      missing: () => context.notify(words.imageMissing, 'error'),
    })
    context.awareness.on('change', this.onAwareness)
    this.files.observe(this.onFiles)
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
  }

  stop(): void {
    this.binding.stop()
    this.presence.destroy()
    this.images.stop()
    cancelAnimationFrame(this.frame)
    this.context.awareness.off('change', this.onAwareness)
    this.files.unobserve(this.onFiles)
  }

  setReadOnly(readOnly: boolean): void {
    this.readOnly = readOnly
    this.binding.readOnly = readOnly
    if (this.started && !readOnly) this.binding.sweep()
  }

  /** Something in the scene or around it changed. */
  changed(appState: AppState, files: BinaryFiles): void {
    if (!this.started) return
    this.binding.share()
    this.presence.select(Object.keys(appState.selectedElementIds))
    const stroke = this.unfinishedStroke()
    this.presence.stroke(stroke as unknown as Record<string, unknown> | null)
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
    return this.unfinishedStroke()?.id ?? null
  }

  private unfinishedStroke() {
    const { newElement } = this.api.getAppState()
    return newElement?.type === 'freedraw' ? newElement : null
  }

  private *fileIds(): Iterable<string> {
    for (const element of this.api.getSceneElements()) {
      if (element.type === 'image' && element.fileId) yield element.fileId
    }
  }

  private mark(fileId: string, status: 'saved' | 'error'): void {
    let changed = false
    const elements = this.api.getSceneElementsIncludingDeleted().map((element) => {
      if (element.type !== 'image' || element.fileId !== fileId || element.status === status) return element
      changed = true
      return { ...element, status }
    })
    if (changed) this.api.updateScene({ elements, captureUpdate: CaptureUpdateAction.NEVER })
  }

  private readonly onFiles = (): void => {
    if (this.started) this.images.sync(this.fileIds(), this.api.getFiles(), !this.readOnly)
  }

  /** At most once a frame: twenty people's cursors come as twenty messages. */
  private readonly onAwareness = (): void => {
    if (this.frame || !this.started) return
    this.frame = requestAnimationFrame(() => {
      this.frame = 0
      const collaborators = new Map<SocketId, Collaborator>()
      this.presence.cursors().forEach((cursor, client) => {
        collaborators.set(client as SocketId, {
          id: cursor.id,
          socketId: client as SocketId,
          username: cursor.name,
          color: { background: cursor.color, stroke: cursor.color },
          button: cursor.button,
          selectedElementIds: Object.fromEntries(cursor.selected.map((id) => [id, true as const])),
          ...(cursor.pointer ? { pointer: cursor.pointer } : {}),
        })
      })
      this.binding.showGhosts(this.presence.strokes())
      this.api.updateScene({ collaborators })
    })
  }
}
