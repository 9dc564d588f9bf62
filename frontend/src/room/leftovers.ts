/**
 * Copies on this device that nobody will open again: put in order when a room is opened.
 *
 * Those of other people and old ones go without a word, for they hold nothing unsaved or nobody asked for them in a
 * month. A copy of an earlier epoch of a page with something unsaved in it is offered as a file first.
 */
import * as Y from 'yjs'
import { DeviceCopy } from '../device/copy'
import { type CopyList, deleteCopy, deviceList, nameOf, staleCopies, supersededCopies } from '../device/list'
import { download, rescue } from '../rescue'
import type { PageInfo, RoomData } from './bootstrap'
import { openDialog } from './dialog'
import { h } from './element'
import { roomStrings } from './strings'

/** Remove what must not stay; the pages of this room are not touched. */
export async function sweepDevice(data: RoomData, list: CopyList | undefined = deviceList()): Promise<void> {
  if (!list) return
  const open = new Set(data.pages.map(({ id, epoch }) => nameOf({ user: data.me.id, page: id, epoch })))
  for (const name of staleCopies(list, data.me.id, Date.now())) if (!open.has(name)) await drop(list, name)
}

/** What this person left on this device before the page was replaced. */
export async function settleSuperseded(page: PageInfo, data: RoomData, list: CopyList | undefined = deviceList()): Promise<void> {
  if (!list) return
  for (const name of supersededCopies(list, { user: data.me.id, page: page.id, epoch: page.epoch })) {
    if (list.marks(name).length === 0) await drop(list, name)
    else offer(page, name, list)
  }
}

async function drop(list: CopyList, name: string): Promise<void> {
  list.forget(name)
  await deleteCopy(name)
}

function offer(page: PageInfo, name: string, list: CopyList): void {
  const strings = roomStrings()
  const close = openDialog(
    strings.supersededTitle,
    h('p', {}, strings.supersededText(page.title)),
    h(
      'div',
      { class: 'dialog-actions' },
      h(
        'button',
        {
          class: 'button',
          type: 'button',
          on: {
            click: () => {
              close()
              void drop(list, name)
            },
          },
        },
        strings.discard,
      ),
      h(
        'button',
        {
          class: 'button primary',
          type: 'button',
          autofocus: true,
          on: {
            click: () => {
              close()
              void save(page, name, list)
            },
          },
        },
        strings.saveCopy,
      ),
    ),
  )
}

async function save(page: PageInfo, name: string, list: CopyList): Promise<void> {
  const doc = new Y.Doc()
  const copy = new DeviceCopy({ name, doc, list })
  await copy.loaded
  download(rescue(doc, page))
  await copy.discard()
  doc.destroy()
}
