/** What the server tells the room page about itself: the JSON in `#room-data`. Shared by every module of the shell. */
import type { Person, Role } from '../contract'

export interface PageInfo {
  id: string
  kind: 'board' | 'document'
  title: string
  epoch: number
  socket: string
  files: string
}

export interface RoomData {
  room: {
    id: string
    title: string
    role: Role
    can: { edit: boolean; rename: boolean }
    socket: string
  }
  pages: PageInfo[]
  me: Person & { guest: boolean }
  urls: {
    room: string
    page: string
    me: string
    home: string
    language?: string
    /** For guests, where there is a way to sign in. */
    sign_in?: string
    /** For those who may invite others: where links are made. */
    links?: string
  }
  limits: { upload_bytes: number; frame_bytes: number }
  language: string
  csrf: string
}

export function readRoomData(): RoomData {
  const script = document.getElementById('room-data')
  if (!script?.textContent) throw new Error('The room page has no #room-data')
  return JSON.parse(script.textContent) as RoomData
}

/** The address of a socket, from a path on this host. */
export function socketUrl(path: string, at: { href: string } = location): string {
  const url = new URL(path, at.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return url.href
}
