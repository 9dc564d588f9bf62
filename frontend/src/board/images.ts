/**
 * Images on the board: bytes go to the server over HTTP, the Y.Doc holds only where they are.
 *
 * Excalidraw keeps files as data URLs. A file that was added here is uploaded and then entered in the shared map; a
 * file that others entered is fetched from our own host and handed to Excalidraw.
 */
import type * as Y from 'yjs'
import type { Files, StoredFile } from '../contract'

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
  /** Something may be tried again: call `sync`. */
  again(): void
  missing(): void
  /** How many images are in this tab only has changed. */
  unstored(files: Files): void
}

const TYPES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp'])
/** Files fetched or sent at the same time. */
const AT_ONCE = 4
const MAX_BYTES = 32 * 1024 * 1024
/** An upload that failed is tried again by itself after so many milliseconds; then only when the person does something. */
const RETRY_MS = [2_000, 10_000, 60_000]

interface Failure {
  /** How many images on the board had this file when it failed: one more means that somebody added it again. */
  readonly images: number
  readonly attempts: number
  readonly waiting: boolean
}

export class Images {
  private readonly uploading = new Set<string>()
  private readonly failures = new Map<string, Failure>()
  private readonly timers = new Set<ReturnType<typeof setTimeout>>()
  private readonly loaded = new Set<string>()
  private readonly queue: (() => Promise<void>)[] = []
  private running = 0
  private told: Files = { sending: 0, failed: 0 }
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
    // Only files of this site: another host would learn who is looking, another path might do something when asked for.
    return /^(\/[\w-]+)*\/files\/[\w-]+$/.test(url) ? { url, type } : null
  }

  /** Files that are in the scene, once for each image: send those that are new here, fetch those that are new from others. */
  sync(fileIds: Iterable<string>, local: Readonly<Record<string, LocalFile>>, mayUpload: boolean): void {
    const counts = new Map<string, number>()
    for (const id of fileIds) counts.set(id, (counts.get(id) ?? 0) + 1)
    for (const id of this.failures.keys()) if (!counts.has(id)) this.failures.delete(id)
    for (const [id, images] of counts) {
      const entry = this.entry(id)
      const here = local[id]
      if (entry && !here && !this.loaded.has(id)) {
        this.loaded.add(id)
        this.run(() => this.fetch(id, entry))
      } else if (!entry && here && mayUpload && !this.uploading.has(id)) {
        const failure = this.failures.get(id)
        if (failure?.waiting && images <= failure.images) continue
        this.uploading.add(id)
        this.run(() => this.send(here, images))
      }
    }
    this.tell()
  }

  /** Try once more to store what could not be stored. */
  retry(): void {
    this.failures.forEach((failure, id) => this.failures.set(id, { ...failure, waiting: false }))
  }

  stop(): void {
    this.stopped = true
    this.queue.length = 0
    this.timers.forEach(clearTimeout)
  }

  private async send(file: LocalFile, images: number): Promise<void> {
    try {
      const stored = await this.host.upload(toBlob(file.dataURL, file.mimeType))
      if (this.stopped) return
      this.failures.delete(file.id)
      this.files.set(file.id, { ...stored, created: Date.now() })
      this.host.mark(file.id, 'saved')
    } catch (error) {
      if (this.stopped) return
      const attempts = (this.failures.get(file.id)?.attempts ?? 0) + 1
      this.failures.set(file.id, { images, attempts, waiting: true })
      this.retryLater(file.id, attempts)
      if (attempts > 1) return
      this.host.mark(file.id, 'error')
      this.host.failed(error instanceof Error ? error.message : '')
    } finally {
      this.uploading.delete(file.id)
      this.tell()
    }
  }

  /** An image that is being tried again is both; it counts as being sent. */
  private tell(): void {
    if (this.stopped) return
    const failed = [...this.failures.keys()].filter((id) => !this.uploading.has(id)).length
    const files: Files = { sending: this.uploading.size, failed }
    if (files.sending === this.told.sending && failed === this.told.failed) return
    this.told = files
    this.host.unstored(files)
  }

  private retryLater(id: string, attempts: number): void {
    const wait = RETRY_MS[attempts - 1]
    if (wait === undefined) return
    const timer = setTimeout(() => {
      this.timers.delete(timer)
      const failure = this.failures.get(id)
      if (!failure) return
      this.failures.set(id, { ...failure, waiting: false })
      this.host.again()
    }, wait)
    this.timers.add(timer)
  }

  private async fetch(id: string, { url, type }: { url: string; type: string }): Promise<void> {
    try {
      const response = await fetch(url, { credentials: 'same-origin' })
      const blob = response.ok ? await response.blob() : null
      if (this.stopped) return
      if (!blob || blob.size > MAX_BYTES) throw new Error(`${url}: ${response.status}`)
      const dataURL = await toDataUrl(blob, type)
      if (this.stopped) return
      this.host.mark(id, 'saved')
      this.host.add({ id, mimeType: type, dataURL, created: Date.now() })
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
