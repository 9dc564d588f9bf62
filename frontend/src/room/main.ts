/**
 * The room page: brings the bar the server rendered to life and shows one page at a time below it.
 *
 * The composition root of the browser: every object is made here and handed to those that need it.
 */
import './room.css'
import type { Role } from '../contract'
import { mayEdit } from '../provider/wire'
import { renameMe, renamePage, renameRoom } from './api'
import { Bars } from './bars'
import { type PageInfo, readRoomData, socketUrl } from './bootstrap'
import { rendered } from './element'
import { watchFocus } from './focus'
import { sweepDevice } from './leftovers'
import { installMenu } from './menu'
import { openNameDialog } from './name-dialog'
import { preload } from './page-session'
import { PeopleView } from './people-view'
import type { Refusal } from './refusal'
import { RoomSocket } from './room-socket'
import { RoomTitle } from './room-title'
import { Sharing } from './share'
import { installShortcuts } from './shortcuts'
import { Stage } from './stage'
import { StatusView } from './status-view'
import { roomStrings } from './strings'
import { Tabs } from './tabs'
import { onThemeChange } from './theme-choice'
import { installToasts, toast } from './toasts'

/** Closes of the room's socket that close the room; the others leave the pages as they are. */
const ROOM_REFUSALS: Record<number, Refusal> = { 4401: 'sign-in', 4403: 'not-allowed', 4404: 'unknown', 4410: 'moderated' }

const data = readRoomData()
const pageById = (id: string | null): PageInfo | undefined => data.pages.find((page) => page.id === id)

installToasts()

const statusView = new StatusView(rendered('status'))
const place = rendered('main')
watchFocus(place)
const stage = new Stage(place, rendered('skeleton'), new Bars(rendered('bar-of-trouble')), data, {
  status: (status) => statusView.show(status),
  role: setRole,
  connected: hurry,
})

const title = new RoomTitle(rendered('room-title'), data.room.title, (value) => renameRoom(data, value))
title.offerRenaming(data.room.can.rename)
const tabs = new Tabs(rendered('tabs'), data.pages, {
  open: (pageId) => open(pageId, true),
  approach: (pageId) => preload(pageById(pageId)?.kind),
  mayRename: () => data.room.can.rename,
  rename: (pageId, value) => renamePage(data, pageId, value),
})
const people = new PeopleView(rendered('people'), { ...data.me, role: data.room.role, pages: [] }, (id) => pageById(id)?.title)

const roomSocket = new RoomSocket(socketUrl(data.room.socket), {
  people: (everybody) => people.show(everybody),
  me: (me, role) => {
    Object.assign(data.me, me)
    people.setMe(me)
    if (role) setRole(role)
    hurry()
  },
  renamed: (room) => {
    if (room.title !== undefined) {
      data.room.title = room.title
      title.set(room.title)
    }
    for (const page of room.pages ?? []) tabs.setTitle(page.id, page.title)
    nameWindow()
  },
  closed: (code) => {
    const refusal = ROOM_REFUSALS[code]
    if (refusal) stage.refuseRoom(refusal)
  },
})

installMenu(rendered('menu-button'), data, data.me.guest ? changeName : undefined)
installShortcuts(place, {
  rename: () => {
    if (stage.current) tabs.edit(stage.current.page.id)
  },
  move: (by) => {
    const at = data.pages.findIndex((page) => page.id === stage.current?.page.id)
    const next = data.pages[(at + by + data.pages.length) % data.pages.length]
    if (next) open(next.id, true)
  },
})

// The server renders the button for those who may make links.
const sharing = new Sharing(data)
document.getElementById('share-button')?.addEventListener('click', () => sharing.open())

onThemeChange((theme) => stage.current?.shown?.setTheme(theme))
addEventListener('popstate', (event) => open((event.state as { page?: string } | null)?.page ?? firstPage(), false))
addEventListener('online', hurry)
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') hurry()
})

open(firstPage(), false)
// When nobody waits for anything any more.
setTimeout(() => void sweepDevice(data), 5_000)
history.replaceState({ page: stage.current?.page.id }, '')

/** The page of the address; without one, the first, as the server chose it too. */
function firstPage(): string {
  return (pageById(new URL(location.href).searchParams.get('page')) ?? data.pages[0])?.id ?? ''
}

function open(pageId: string, byHand: boolean): void {
  const page = pageById(pageId)
  if (!page || stage.current?.page.id === pageId) return
  if (byHand) {
    const address = new URL(location.href)
    address.searchParams.set('page', pageId)
    history.pushState({ page: pageId }, '', address)
  }
  tabs.mark(pageId)
  people.look(pageId)
  roomSocket.look(pageId)
  stage.show(page)
  nameWindow()
}

/** The server's word on what this person may do, whenever it changes. */
function setRole(role: Role): void {
  data.room.role = role
  data.room.can = { edit: mayEdit(role), rename: mayEdit(role) }
  title.offerRenaming(data.room.can.rename)
  tabs.offerRenaming()
}

function nameWindow(): void {
  const page = stage.current?.page
  if (page) place.setAttribute('aria-label', page.title)
  document.title = page ? `${page.title} – ${data.room.title}` : data.room.title
}

function hurry(): void {
  stage.hurry()
  roomSocket.hurry()
}

function changeName(): void {
  openNameDialog(data.me.name, async (name) => {
    data.me.name = await renameMe(data, name)
    people.setMe(data.me)
    roomSocket.reconnect()
    stage.reconnect()
    toast(roomStrings().nameSaved(data.me.name))
  })
}
