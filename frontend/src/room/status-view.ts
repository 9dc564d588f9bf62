/** The word about the connection: one colour, one icon, an explanation for whoever asks. */
import check from 'lucide-static/icons/check.svg?raw'
import circleAlert from 'lucide-static/icons/circle-alert.svg?raw'
import cloudOff from 'lucide-static/icons/cloud-off.svg?raw'
import ellipsis from 'lucide-static/icons/ellipsis.svg?raw'
import eye from 'lucide-static/icons/eye.svg?raw'
import imageUp from 'lucide-static/icons/image-up.svg?raw'
import type { NotSavedReason, Status } from '../provider/status'
import { h, icon } from './element'
import { type Popover, popoverFor } from './popover'
import { roomStrings, type RoomStrings } from './strings'
import { announce } from './toasts'

type Tone = 'quiet' | 'ok' | 'warning' | 'danger'

interface Wording {
  tone: Tone
  icon: string
  word: string
  why: string
}

/** What a status is called and why. Pure, so that every state can be tested for having words. */
export function wordingOf(status: Status, strings: RoomStrings): Wording {
  switch (status.kind) {
    case 'connecting':
      return { tone: 'quiet', icon: ellipsis, word: strings.connecting, why: status.shown ? strings.connectingShownWhy : strings.connectingWhy }
    case 'saved':
      return { tone: 'ok', icon: check, word: strings.saved, why: strings.savedWhy }
    case 'saving':
      return status.files > 0
        ? { tone: 'quiet', icon: imageUp, word: strings.sendingFiles(status.files), why: strings.sendingFilesWhy }
        : { tone: 'quiet', icon: ellipsis, word: strings.saving, why: strings.savingWhy }
    case 'offline': {
      const tone = status.unsaved && !status.kept ? 'danger' : 'warning'
      const word = status.unsaved ? (status.kept ? strings.offlineKept : strings.offlineNotKept) : strings.offline
      const kept = status.unsaved ? strings.offlineKeptWhy : strings.offlineWillKeepWhy
      const notKept = status.unsaved ? strings.offlineNotKeptWhy : strings.offlineWillNotKeepWhy
      return { tone, icon: cloudOff, word, why: status.kept ? kept : notKept }
    }
    case 'read-only':
      return {
        tone: status.unsaved ? 'warning' : 'quiet',
        icon: eye,
        word: strings.viewOnly,
        why: status.unsaved ? strings.viewOnlyUnsavedWhy : strings.viewOnlyWhy,
      }
    case 'not-saved': {
      const [word, why] = notSaved(status.why, strings)
      const where = status.kept ? strings.keptHere : strings.keptInTab
      return { tone: 'danger', icon: circleAlert, word: strings.notSaved(word), why: strings.both(why, where) }
    }
    case 'refused':
      return { tone: 'danger', icon: circleAlert, word: strings.notConnected, why: strings.notConnectedWhy }
  }
}

function notSaved(why: NotSavedReason, strings: RoomStrings): [word: string, why: string] {
  switch (why) {
    case 'no-answer':
      return [strings.noAnswer, strings.noAnswerWhy]
    case 'files':
      return [strings.filesFailed, strings.filesFailedWhy]
    case 'page-full':
      return [strings.pageFull, strings.pageFullWhy]
    case 'gap':
      return [strings.gap, strings.gapWhy]
    case 'database':
    case 'queue-full':
    case 'server':
      return [strings.serverTrouble, strings.serverTroubleWhy]
  }
}

/** Worth interrupting for. That typing is saved all the time is not. */
function isNews(status: Status, before: Status | undefined): boolean {
  if (status.kind === 'offline' || status.kind === 'not-saved' || status.kind === 'read-only') return status.kind !== before?.kind
  return false
}

export class StatusView {
  private status: Status = { kind: 'connecting', shown: false }
  private hadTrouble = false
  private readonly explanation: Popover

  constructor(private readonly button: HTMLElement) {
    this.explanation = popoverFor(button, {
      class: 'explanation',
      focusInside: false,
      fill: () => {
        const { word, why } = wordingOf(this.status, roomStrings())
        // Seen where the bar has room for the icon only.
        return [h('p', { class: 'explanation-word' }, word), h('p', {}, why)]
      },
    })
    this.draw()
  }

  show(status: Status): void {
    const strings = roomStrings()
    const { word, why } = wordingOf(status, strings)
    if (isNews(status, this.status)) announce(`${word}. ${why}`)
    if (status.kind === 'offline' || status.kind === 'not-saved') this.hadTrouble = true
    if (status.kind === 'saved' && this.hadTrouble) {
      this.hadTrouble = false
      announce(strings.savedAgain)
    }
    this.status = status
    this.draw()
  }

  private draw(): void {
    const wording = wordingOf(this.status, roomStrings())
    this.button.dataset['tone'] = wording.tone
    this.button.dataset['status'] = this.status.kind
    this.button.title = wording.why
    this.button.replaceChildren(icon(wording.icon), h('span', { class: 'status-word' }, wording.word))
    this.explanation.refresh()
  }
}
