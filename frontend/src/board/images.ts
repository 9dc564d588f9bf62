/**
 * Images on the board: bytes go to the server over HTTP, the Y.Doc holds only where they are.
 *
 * Excalidraw keeps files as data URLs. A file that was added here is uploaded and then entered in the shared map; a
 * file that others entered is fetched from our own host and handed to Excalidraw.
 */
import type * as Y from 'yjs'
import type { StoredFile } from '../contract'

/** As much of Excalidraw's file record as is needed here. */
export interface LocalFile {
  readonly id: string
  readonly mimeType: string
  readonly dataURL: string
}

/** What the images need of the board and of the room around it. */
export interface ImageHost {
  upload(file: Blob): Promise<StoredFile>
  /** Hand a file to Excalidraw. */
  add(file: { id: string; mimeType: string; dataURL: string; created: number }): void
  /** Mark images with this file as stored or failed. */
  mark(fileId: string, status: 'saved' | 'error'): void
  failed(reason: string): void
  missing(): void
}

const TYPES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp'])
/** Files fetched or sent at the same time. */
const AT_ONCE = 4
const MAX_BYTES = 32 * 1024 * 1024

export class Images {
  private readonly uploading = new Set<string>()
  private readonly failedUploads = new Set<string>()
  private readonly loaded = new Set<string>()
  private readonly queue: (() => Promise<void>)[] = []
  private running = 0
  private stopped = false

  constructor(
    private readonly files: Y.Map<unknown>,
    private readonly host: ImageHost,
  ) {}

  /** Where a file is stored, if the entry about it can be trusted. */
  entry(fileId: string): { url: string; type: string } | null {
    const entry = this.files.get(fileId)
    if (typeof entry !== 'object' || entry === null) return null
    const { url, type } = entry as Record<string, unknown>
    if (typeof url !== 'string' || typeof type !== 'string' || !TYPES.has(type)) return null
    // Only files of this site, by a path: an address of another host would tell it who is looking.
    return /^\/(?!\/)[\w./-]+$/.test(url) ? { url, type } : null
  }

  /** Files that are in the scene: send those that are new here, fetch those that are new from others. */
  sync(fileIds: Iterable<string>, local: Readonly<Record<string, LocalFile>>, mayUpload: boolean): void {
    for (const id of fileIds) {
      const entry = this.entry(id)
      const here = local[id]
      if (entry && !here && !this.loaded.has(id)) {
        this.loaded.add(id)
        this.run(() => this.fetch(id, entry))
      } else if (!entry && here && mayUpload && !this.uploading.has(id) && !this.failedUploads.has(id)) {
        this.uploading.add(id)
        this.run(() => this.send(here))
      }
    }
  }

  /** Try once more to store what could not be stored. */
  retry(): void {
    this.failedUploads.clear()
  }

  stop(): void {
    this.stopped = true
    this.queue.length = 0
  }

  private async send(file: LocalFile): Promise<void> {
    try {
      const stored = await this.host.upload(toBlob(file.dataURL, file.mimeType))
      if (this.stopped) return
      this.files.set(file.id, { ...stored, created: Date.now() })
      this.host.mark(file.id, 'saved')
    } catch (error) {
      if (this.stopped) return
      this.failedUploads.add(file.id)
      this.host.mark(file.id, 'error')
      this.host.failed(error instanceof Error ? error.message : '')
    } finally {
      this.uploading.delete(file.id)
    }
  }

  private async fetch(id: string, { url, type }: { url: string; type: string }): Promise<void> {
    try {
      const response = await fetch(url, { credentials: 'same-origin' })
      const blob = response.ok ? await response.blob() : null
      if (this.stopped) return
      if (!blob || blob.size > MAX_BYTES) throw new Error(`${url}: ${response.status}`)
      this.host.add({ id, mimeType: type, dataURL: await toDataUrl(blob, type), created: Date.now() })
      this.host.mark(id, 'saved')
    } catch (error) {
      if (this.stopped) return
      console.warn(error)
      this.host.mark(id, 'error')
      this.host.missing()
    }
  }

  private run(job: () => Promise<void>): void {
    this.queue.push(job)
    while (this.running < AT_ONCE && this.queue.length) {
      this.running += 1
      void this.queue.shift()?.().finally(() => {
        this.running -= 1
        const next = this.queue.shift()
        if (next) this.run(next)
      })
    }
  }
}

/** A data URL as a blob, decoded by hand: the content policy lets nobody fetch `data:`. */
export function toBlob(dataUrl: string, type: string): Blob {
  const comma = dataUrl.indexOf(',')
  if (!dataUrl.startsWith('data:') || comma < 0) throw new TypeError('not a data URL')
  const body = dataUrl.slice(comma + 1)
  if (!dataUrl.slice(0, comma).endsWith(';base64')) return new Blob([decodeURIComponent(body)], { type })
  const binary = atob(body)
  const bytes = new Uint8Array(binary.length)
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at)
  return new Blob([bytes], { type })
}

function toDataUrl(blob: Blob, type: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result))
    reader.onerror = () => reject(reader.error ?? new Error('unreadable'))
    reader.readAsDataURL(new Blob([blob], { type }))
  })
}
