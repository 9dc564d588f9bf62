/**
 * A server end of sockets for tests: what the real one says, said by hand.
 *
 * `new FakeServer()` gives a `SocketClass`; every socket made with it shows up in `sockets`, where the test opens it,
 * answers it, confirms frames and closes it.
 */
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import * as sync from 'y-protocols/sync'
import * as Y from 'yjs'
import type { SocketClass } from './counting-socket'
import { MESSAGE_NOTICE, MESSAGE_SAVED, MESSAGE_SYNC } from './wire'

export class FakeSocket {
  static readonly OPEN = 1
  readonly OPEN = 1
  readyState = 0
  binaryType = 'blob'
  onmessage: ((event: { data: ArrayBuffer }) => void) | null = null
  onopen: (() => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null
  onerror: (() => void) | null = null
  readonly frames: Uint8Array[] = []

  constructor(
    readonly url: string,
    readonly protocols: string[] = [],
  ) {}

  send(frame: Uint8Array): void {
    this.frames.push(frame)
  }

  close(): void {
    this.readyState = 3
  }

  /** How many sync frames the client has sent: what `saved(n)` counts. */
  get syncFrames(): number {
    return this.frames.filter((frame) => frame[0] === MESSAGE_SYNC).length
  }

  open(): void {
    this.readyState = 1
    this.onopen?.()
  }

  /** The server side of the handshake: its content, then the question what it lacks. */
  handshake(content: Y.Doc): void {
    const step2 = encoding.createEncoder()
    encoding.writeVarUint(step2, MESSAGE_SYNC)
    sync.writeSyncStep2(step2, content)
    this.deliver(step2)
    this.ask(content)
  }

  /** Step 1: sent after joining and whenever something is missing. */
  ask(content: Y.Doc): void {
    const step1 = encoding.createEncoder()
    encoding.writeVarUint(step1, MESSAGE_SYNC)
    sync.writeSyncStep1(step1, content)
    this.deliver(step1)
  }

  saved(count: number): void {
    const message = encoding.createEncoder()
    encoding.writeVarUint(message, MESSAGE_SAVED)
    encoding.writeVarUint(message, count)
    this.deliver(message)
  }

  notice(notice: Record<string, unknown>): void {
    const message = encoding.createEncoder()
    encoding.writeVarUint(message, MESSAGE_NOTICE)
    encoding.writeVarString(message, JSON.stringify(notice))
    this.deliver(message)
  }

  drop(code: number, reason = ''): void {
    this.readyState = 3
    this.onclose?.({ code, reason })
  }

  /** Everything the client sent, applied: what a server that stores it would hold. */
  applyTo(content: Y.Doc): void {
    for (const frame of this.frames) {
      const decoder = decoding.createDecoder(frame)
      if (decoding.readVarUint(decoder) !== MESSAGE_SYNC) continue
      sync.readSyncMessage(decoder, encoding.createEncoder(), content, 'client')
    }
  }

  private deliver(encoder: encoding.Encoder): void {
    this.onmessage?.({ data: encoding.toUint8Array(encoder).slice().buffer })
  }
}

export class FakeServer {
  readonly sockets: FakeSocket[] = []
  readonly content = new Y.Doc()
  readonly SocketClass: SocketClass

  constructor() {
    const { sockets } = this
    this.SocketClass = class extends FakeSocket {
      constructor(url: string, protocols?: string[]) {
        super(url, protocols)
        sockets.push(this)
      }
    } as unknown as SocketClass
  }

  get last(): FakeSocket {
    return this.sockets.at(-1)!
  }

  /** Open the newest socket and go through the handshake; nothing is confirmed yet. */
  admit(role = 'editor', epoch = 1): FakeSocket {
    const socket = this.last
    socket.open()
    socket.notice({ kind: 'role', role, epoch })
    socket.handshake(this.content)
    return socket
  }
}
