/**
 * The room's own socket: who is here, what was renamed.
 *
 * JSON text frames in one envelope, `{type, id, at, data}`. Anything unknown or malformed is ignored: a newer server may
 * say more than this client knows. It ends on 44xx and tries again on everything else.
 */
import { backoffMs } from '../provider/backoff'
import type { SocketClass } from '../provider/counting-socket'
import type { Role } from '../contract'

/** A person as the room sees them. The same person in several tabs is one. */
export interface Present {
  id: string
  name: string
  color: string
  role?: Role
  /** Pages they are looking at. */
  pages: string[]
  /** When they came, as the server wrote it. */
  since?: string | number
}

export interface RoomEvents {
  people(people: Present[]): void
  renamed(room: { title?: string; pages?: { id: string; title: string }[] }): void
  me(me: { id: string; name: string; color: string }, role: Role | undefined): void
  closed(code: number): void
}

const PING_MS = 25_000
/** Nothing heard for this long: the connection is taken for dead. */
const SILENCE_MS = 60_000

export class RoomSocket {
  private socket: WebSocket | undefined
  private attempts = 0
  private heardAt = 0
  private looking: string | null = null
  private ended = false
  private retryTimer: ReturnType<typeof setTimeout> | undefined
  private readonly pingTimer: ReturnType<typeof setInterval>
  private nextId = 1

  constructor(
    private readonly url: string,
    private readonly events: RoomEvents,
    private readonly SocketClass: SocketClass = WebSocket,
    private readonly random: () => number = Math.random,
  ) {
    this.pingTimer = setInterval(() => this.ping(), PING_MS)
    this.open()
  }

  /** Tell the room which page this tab shows. */
  look(page: string | null): void {
    this.looking = page
    this.send('look', { page })
  }

  /** Leave and come back, for example under another name. */
  reconnect(): void {
    if (this.ended) return
    this.drop()
    this.open()
  }

  /** Try now instead of at the end of the wait. */
  hurry(): void {
    if (!this.ended && !this.socket) this.open()
  }

  destroy(): void {
    this.ended = true
    clearInterval(this.pingTimer)
    this.drop()
  }

  private open(): void {
    clearTimeout(this.retryTimer)
    const socket = new this.SocketClass(this.url)
    this.socket = socket
    this.heardAt = Date.now()
    socket.onopen = () => this.send('look', { page: this.looking })
    socket.onmessage = (event) => {
      if (socket !== this.socket) return
      this.heardAt = Date.now()
      this.receive(event.data)
    }
    socket.onclose = (event) => {
      if (socket !== this.socket) return
      this.socket = undefined
      if (event.code >= 4400 && event.code < 4500) {
        this.destroy()
        this.events.closed(event.code)
        return
      }
      this.attempts += 1
      this.retryTimer = setTimeout(() => this.open(), backoffMs(this.attempts, this.random()))
    }
  }

  private drop(): void {
    clearTimeout(this.retryTimer)
    const socket = this.socket
    this.socket = undefined
    socket?.close()
  }

  private ping(): void {
    if (this.socket && Date.now() - this.heardAt > SILENCE_MS) this.reconnect()
    else this.send('ping', {})
  }

  private send(type: string, data: unknown): void {
    if (this.socket?.readyState !== 1) return
    this.socket.send(JSON.stringify({ type, id: String(this.nextId++), at: new Date().toISOString(), data }))
  }

  private receive(text: unknown): void {
    const envelope = parse(text)
    if (!envelope) return
    const { type, data } = envelope
    if (type === 'hello') {
      this.attempts = 0
      const me = asPerson(data['me'])
      if (me) this.events.me(me, typeof data['role'] === 'string' ? (data['role'] as Role) : undefined)
    }
    if (type === 'hello' || type === 'people') {
      if (Array.isArray(data['people'])) this.events.people(unique(data['people'].map(asPerson)))
    } else if (type === 'room') {
      const pages = Array.isArray(data['pages']) ? data['pages'].filter(isTitled) : undefined
      this.events.renamed({ ...(typeof data['title'] === 'string' && { title: data['title'] }), ...(pages && { pages }) })
    }
  }
}

function parse(text: unknown): { type: string; data: Record<string, unknown> } | undefined {
  if (typeof text !== 'string') return undefined
  try {
    const value = JSON.parse(text) as { type?: unknown; data?: unknown } | null
    if (typeof value?.type !== 'string') return undefined
    return { type: value.type, data: typeof value.data === 'object' && value.data ? (value.data as Record<string, unknown>) : {} }
  } catch {
    return undefined
  }
}

function isTitled(value: unknown): value is { id: string; title: string } {
  const page = value as { id?: unknown; title?: unknown } | null
  return typeof page?.id === 'string' && typeof page.title === 'string'
}

function asPerson(value: unknown): Present | undefined {
  const person = value as Partial<Present> | null
  if (typeof person?.id !== 'string' || typeof person.name !== 'string') return undefined
  return {
    id: person.id,
    name: person.name,
    color: typeof person.color === 'string' && /^#[0-9a-f]{6}$/i.test(person.color) ? person.color : '#575e6e',
    ...(person.role && { role: person.role }),
    pages: Array.isArray(person.pages) ? person.pages.filter((page) => typeof page === 'string') : [],
    ...(person.since !== undefined && { since: person.since }),
  }
}

/** Each person once, with all the pages they look at. */
function unique(people: (Present | undefined)[]): Present[] {
  const byId = new Map<string, Present>()
  for (const person of people) {
    if (!person) continue
    const known = byId.get(person.id)
    if (known) known.pages = [...new Set([...known.pages, ...person.pages])]
    else byId.set(person.id, person)
  }
  return [...byId.values()]
}
