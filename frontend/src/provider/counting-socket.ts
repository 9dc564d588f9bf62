/**
 * A WebSocket that reports what is sent through it.
 *
 * y-websocket sends from several places and tells nobody; the server acknowledges frames by their number, so they are
 * counted where all of them pass.
 */
export type SocketClass = new (url: string | URL, protocols?: string | string[]) => WebSocket

export interface Traffic {
  /** A new socket was made. */
  opened(): void
  /** Whether a frame of this size, with these first two bytes, may go out; one that may not is dropped here. */
  allowed(bytes: number, first: number, second: number): boolean
  /** The first two bytes of a frame that was handed to the socket. */
  sent(first: number, second: number): void
}

/** A subclass of `Base` bound to one connection's `traffic`. */
export function countingSocket(Base: SocketClass, traffic: Traffic): SocketClass {
  return class extends Base {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols)
      traffic.opened()
    }

    override send(data: string | ArrayBufferLike | Blob | ArrayBufferView): void {
      const frame = data instanceof Uint8Array ? data : undefined
      const [first = -1, second = -1] = frame ?? []
      if (frame && !traffic.allowed(frame.byteLength, first, second)) return
      super.send(data as ArrayBuffer)
      if (frame) traffic.sent(first, second)
    }
  }
}
