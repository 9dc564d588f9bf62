/**
 * Which properties of a board element are shared, and what each may hold.
 *
 * Everything that arrives through Yjs was written by somebody else's program. An element is taken apart and built anew
 * from the properties named here, each checked; whatever else it carries (`customData` above all, from which Excalidraw
 * renders HTML) is dropped in both directions.
 */

/** One shared property value: JSON, and never changed in place. */
export type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value }
/** The shared properties of one element. */
export type Fields = Readonly<Record<string, Value>>

type Check = (value: unknown) => boolean

/** Farthest place from the middle of the board, in pixels. */
export const MAX_COORDINATE = 1e7
/**
 * Largest side of an element, and farthest point of a path from its origin: more than a 4K screen shows when zoomed out
 * all the way (38,400). A shape is filled with lines a few pixels apart, so one of 1e7 stops every browser that shows it.
 */
const MAX_SIZE = 5e4
/** Lines of a filling are four stroke widths apart: thinner ones are the same trap as larger shapes. */
const MIN_STROKE_WIDTH = 0.5
const MAX_TEXT = 100_000
const MAX_POINTS = 20_000
const MAX_LIST = 1_000

const number: Check = (value) => typeof value === 'number' && Number.isFinite(value) && Math.abs(value) <= MAX_COORDINATE
const between = (low: number, high: number): Check => (value) => number(value) && (value as number) >= low && (value as number) <= high
const integer: Check = (value) => Number.isSafeInteger(value)
const flag: Check = (value) => typeof value === 'boolean'
const text = (max: number): Check => (value) => typeof value === 'string' && value.length <= max
const id = text(128)
const word: Check = (value) => typeof value === 'string' && /^[a-z_-]{1,40}$/.test(value)
const color: Check = (value) => typeof value === 'string' && /^(transparent|#[0-9a-f]{3,8}|[a-z]{3,30})$/i.test(value)
const oneOf = (...words: unknown[]): Check => (value) => words.includes(value)
const orNull = (check: Check): Check => (value) => value === null || check(value)
const list = (check: Check, max = MAX_LIST): Check => (value) => Array.isArray(value) && value.length <= max && value.every(check)
const pair = (check: Check): Check => (value) => Array.isArray(value) && value.length === 2 && value.every(check)
const record = (checks: Readonly<Record<string, Check>>, optional: readonly string[] = []): Check => (value) =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.entries(checks).every(([key, check]) =>
    key in value ? check((value as Record<string, unknown>)[key]) : optional.includes(key),
  ) &&
  Object.keys(value).every((key) => key in checks)

const size = between(-MAX_SIZE, MAX_SIZE)
const index: Check = (value) => typeof value === 'string' && isOrderKey(value)
const link: Check = (value) => value === null || (typeof value === 'string' && safeLink(value) !== null)
const points = list(pair(size), MAX_POINTS)
const arrowhead = orNull(word)
const binding = orNull(
  record({ elementId: id, focus: number, gap: number, fixedPoint: orNull(pair(number)) }, ['fixedPoint']),
)

/** Position, size and points of an element that is made of points: one value, because they mean nothing apart. */
const path = record(
  { x: number, y: number, width: between(-2 * MAX_SIZE, 2 * MAX_SIZE), height: between(-2 * MAX_SIZE, 2 * MAX_SIZE), points, pressures: list(between(0, 1), MAX_POINTS) },
  ['pressures'],
)

const COMMON: Readonly<Record<string, Check>> = {
  type: word,
  strokeColor: color,
  backgroundColor: color,
  fillStyle: oneOf('hachure', 'cross-hatch', 'solid', 'zigzag'),
  strokeWidth: between(MIN_STROKE_WIDTH, 100),
  strokeStyle: oneOf('solid', 'dashed', 'dotted'),
  roundness: orNull(record({ type: oneOf(1, 2, 3), value: between(0, MAX_SIZE) }, ['value'])),
  roughness: between(0, 10),
  opacity: between(0, 100),
  angle: number,
  seed: integer,
  index: index,
  isDeleted: flag,
  groupIds: list(id, 100),
  frameId: orNull(id),
  link,
  locked: flag,
  /** When it was deleted, in milliseconds; lets old tombstones be removed. Excalidraw does not know it. */
  deletedAt: orNull(between(0, Number.MAX_SAFE_INTEGER)),
}
const deletedAt: Check = (value) => value === null || (integer(value) && (value as number) >= 0)

const BOX: Readonly<Record<string, Check>> = { x: number, y: number, width: size, height: size }
const LINEAR: Readonly<Record<string, Check>> = {
  path,
  startBinding: binding,
  endBinding: binding,
  startArrowhead: arrowhead,
  endArrowhead: arrowhead,
}

const BY_TYPE: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  rectangle: BOX,
  diamond: BOX,
  ellipse: BOX,
  frame: { ...BOX, name: orNull(text(500)) },
  text: {
    ...BOX,
    fontSize: between(1, 1000),
    fontFamily: between(1, 100),
    text: text(MAX_TEXT),
    originalText: text(MAX_TEXT),
    textAlign: oneOf('left', 'center', 'right'),
    verticalAlign: oneOf('top', 'middle', 'bottom'),
    containerId: orNull(id),
    autoResize: flag,
    lineHeight: between(0.5, 10),
  },
  line: LINEAR,
  arrow: {
    ...LINEAR,
    elbowed: flag,
    fixedSegments: orNull(list(record({ start: pair(number), end: pair(number), index: integer }), 200)),
    startIsSpecial: orNull(flag),
    endIsSpecial: orNull(flag),
  },
  freedraw: { path, simulatePressure: flag },
  image: {
    ...BOX,
    fileId: orNull(text(100)),
    scale: pair(number),
    crop: orNull(
      record({ x: number, y: number, width: number, height: number, naturalWidth: number, naturalHeight: number }),
    ),
  },
}

/** Kinds of elements that a board shares. Web embeds and AI frames are not among them. */
export const SHARED_KINDS: ReadonlySet<string> = new Set(Object.keys(BY_TYPE))

/** Properties that are one value in Yjs, under the name `path`. */
const PATH = ['x', 'y', 'width', 'height', 'points', 'pressures'] as const

/** Whether elements of this kind keep their geometry in one value. */
export const hasPath = (type: unknown): boolean => type === 'line' || type === 'arrow' || type === 'freedraw'

/**
 * The check of one property, or nothing when elements of this kind do not share it.
 */
function checkOf(type: string, name: string): Check | undefined {
  const own = BY_TYPE[type]
  if (!own) return undefined
  if (name === 'deletedAt') return deletedAt
  return Object.hasOwn(own, name) ? own[name] : Object.hasOwn(COMMON, name) ? COMMON[name] : undefined
}

/** What of an Excalidraw element is shared; nothing when elements of its kind are not. */
export function toFields(element: Readonly<Record<string, unknown>>): Fields | null {
  const type = element['type']
  if (typeof type !== 'string' || !SHARED_KINDS.has(type)) return null
  const source: Record<string, unknown> = { ...element }
  if (hasPath(type)) {
    source['path'] = Object.fromEntries(
      PATH.filter((name) => name !== 'pressures' || (type === 'freedraw' && element['simulatePressure'] === false))
        .filter((name) => name in element)
        .map((name) => [name, tidy(element[name])]),
    )
  }
  if (typeof source['link'] === 'string') source['link'] = safeLink(source['link'])
  const fields: Record<string, Value> = {}
  for (const name of [...Object.keys(COMMON), ...Object.keys(BY_TYPE[type] ?? {})]) {
    const value = source[name]
    if (value !== undefined && checkOf(type, name)?.(value)) fields[name] = value as Value
  }
  return fields
}

/**
 * An Excalidraw element from shared properties, unfinished: Excalidraw's own `restoreElements` fills in what is missing.
 *
 * Properties that fail their check are left out. Nothing when what remains cannot be drawn.
 */
export function fromFields(elementId: string, fields: Readonly<Record<string, unknown>>): Record<string, Value> | null {
  const type = fields['type']
  if (typeof type !== 'string' || !SHARED_KINDS.has(type) || !id(elementId) || elementId === '') return null
  const element: Record<string, Value> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (checkOf(type, name)?.(value)) element[name] = value as Value
  }
  if (hasPath(type)) {
    const shape = element['path'] as Record<string, Value> | undefined
    if (!shape || (shape['points'] as Value[]).length === 0) return null
    delete element['path']
    Object.assign(element, shape)
    if (type === 'freedraw' && !element['pressures']) element['pressures'] = []
  } else if (!['x', 'y', 'width', 'height'].every((name) => name in element)) return null
  if (type === 'text' && typeof element['text'] !== 'string') return null
  delete element['deletedAt']
  element['id'] = elementId
  return element
}

/** A link people may follow, or nothing: only http, https and mailto leave the board. */
export function safeLink(link: string): string | null {
  if (link.length > 2_000) return null
  try {
    // Relative addresses are links within this site (an element link, for one).
    return /^(https?|mailto):$/.test(new URL(link, 'https://here.invalid').protocol) ? link : null
  } catch {
    return null
  }
}

/**
 * Whether a string is a place in an order as Excalidraw's `fractional-indexing` makes them: a head letter that says how
 * many digits the whole part has, that part, and a fraction without trailing zero. Given any other, Excalidraw throws
 * whenever somebody adds or moves an element next to it.
 */
export function isOrderKey(key: string): boolean {
  if (!/^[A-Za-z][0-9A-Za-z]*$/.test(key) || key.length > 1_000) return false
  const head = key.charCodeAt(0)
  const whole = head >= 97 ? head - 97 + 2 : 90 - head + 2
  return key.length >= whole && key !== `A${'0'.repeat(26)}` && (key.length === whole || !key.endsWith('0'))
}

/** Whether two property values are the same. */
export function same(one: unknown, other: unknown): boolean {
  if (one === other) return true
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  if (Array.isArray(one) !== Array.isArray(other)) return false
  const keys = Object.keys(one)
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => same((one as Record<string, unknown>)[key], (other as Record<string, unknown>)[key]))
  )
}

/** Coordinates to a hundredth of a pixel: nobody sees more, and every digit is sent and stored. */
export function tidy(value: unknown): Value {
  if (typeof value === 'number') return Math.round(value * 100) / 100
  if (Array.isArray(value)) return value.map(tidy)
  return value as Value
}
