/** A scene without Excalidraw, for tests: elements in a list, ordered by index, and hands that can hold them. */
import type { Scene, SceneElement } from './binding'
import type { Value } from './fields'

export type FakeElement = SceneElement & Readonly<Record<string, Value>>

export class FakeScene implements Scene {
  list: FakeElement[] = []
  hands = new Set<string>()
  growing: string | null = null
  shown = 0
  taken = 0
  private nonce = 0

  elements(): readonly FakeElement[] {
    return this.list
  }

  show(elements: readonly SceneElement[]): void {
    this.shown += 1
    this.list = [...(elements as FakeElement[])].sort((one, other) =>
      one['index'] === other['index'] ? (one.id < other.id ? -1 : 1) : String(one['index']) < String(other['index']) ? -1 : 1,
    )
  }

  finish(element: Readonly<Record<string, Value>>, previous: SceneElement | undefined): SceneElement | null {
    return { ...element, isDeleted: element['isDeleted'] === true, version: (previous?.version ?? 0) + 1, versionNonce: this.count() } as FakeElement
  }

  held(): ReadonlySet<string> {
    return this.hands
  }

  unfinished(): string | null {
    return this.growing
  }

  refused(count: number): void {
    this.taken += count
  }

  /** What the person does: make an element or change properties of one. */
  edit(id: string, change: Readonly<Record<string, Value>>): void {
    const before = this.list.find((one) => one.id === id) ?? rectangle(id)
    const after = { ...before, ...change, version: before.version + 1, versionNonce: this.count() } as FakeElement
    this.show([...this.list.filter((one) => one.id !== id), after])
  }

  /** What is to be seen, without what is never shared. */
  visible(): Record<string, unknown>[] {
    return this.list
      .filter((one) => !one.isDeleted)
      .map(({ version: _, versionNonce: __, ...rest }) => rest)
  }

  get(id: string): FakeElement | undefined {
    return this.list.find((one) => one.id === id && !one.isDeleted)
  }

  private count(): number {
    this.nonce += 1
    return this.nonce
  }
}

export function rectangle(id: string, more: Readonly<Record<string, Value>> = {}): FakeElement {
  return {
    id,
    type: 'rectangle',
    x: 10,
    y: 20,
    width: 100,
    height: 50,
    strokeColor: '#1e1e1e',
    backgroundColor: 'transparent',
    index: 'a1',
    isDeleted: false,
    version: 0,
    versionNonce: 0,
    ...more,
  } as FakeElement
}
