/**
 * What the room shell, the board and the document promise each other.
 *
 * The shell owns the connection (one Y.Doc, one Awareness per page) and the chrome around the page; a page view owns
 * what is inside its container and knows neither sockets nor URLs.
 */
import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'

export type Language = 'en' | 'zh-CN'
export type Theme = 'light' | 'dark'
export type Role = 'owner' | 'editor' | 'commenter' | 'viewer'

/** A person as the server stamps them into awareness (`state.user`). `id` is the same in all tabs of one person. */
export interface Person {
  id: string
  name: string
  /** CSS hex colour of the cursor, legible on light and dark. */
  color: string
  role?: Role
}

/** A file stored by the server. `url` is same-origin and access-checked. */
export interface StoredFile {
  id: string
  url: string
  type: string
  width: number
  height: number
  bytes: number
}

/** Files of a page whose bytes exist in this tab only. */
export interface Files {
  /** On their way to the server, or waiting for their turn. */
  readonly sending: number
  /** Could not be stored; they wait for another attempt. */
  readonly failed: number
}

export interface PageContext {
  container: HTMLElement
  doc: Y.Doc
  awareness: Awareness
  page: { id: string; kind: 'board' | 'document'; title: string }
  me: Person
  readOnly: boolean
  language: Language
  theme: Theme
  /** Resolves when there is content: the server's, or a copy this device kept of it. Never treat a document as empty before. */
  synced: Promise<void>
  /** Store an image. Rejects with an Error whose message is fit for people. */
  upload(file: Blob, onProgress?: (fraction: number) => void): Promise<StoredFile>
  /**
   * Tell the room, at every change, which files are not stored yet. While there are any, the room does not say "Saved",
   * warns before the tab is closed, and keeps the view of a page that is left.
   */
  files(files: Files): void
  /** Show a short message to the person (a toast; also announced politely to screen readers). */
  notify(message: string, kind?: 'info' | 'error'): void
}

/** What a mounted page can be told. Every method may be called at any time until `destroy`. */
export interface PageView {
  setReadOnly(readOnly: boolean): void
  setTheme(theme: Theme): void
  focus(): void
  destroy(): void
}

/** `board/index.tsx` and `document/index.ts` each export `const mount: MountPage`. */
export type MountPage = (context: PageContext) => PageView | Promise<PageView>

/** Names of the shared types inside a page's Y.Doc. Changing one orphans every stored page. */
export const SHARED_TYPES = {
  /** board: Y.Map element id -> Y.Map of properties */
  elements: 'elements',
  /** board: Y.Map Excalidraw file id -> StoredFile fields (metadata only) */
  files: 'files',
  /** document: Y.XmlFragment edited by Tiptap */
  content: 'content',
} as const

/** Awareness fields. `user` is written by the server only. */
export interface BoardAwareness {
  user?: Person
  pointer?: { x: number; y: number; tool: 'pointer' | 'laser'; button: 'up' | 'down' } | null
  selection?: string[]
  /** The freehand stroke being drawn, not yet in the document: [x, y, pressure] triples relative to the origin. */
  stroke?: { id: string; element: Record<string, unknown> } | null
}
