/**
 * What an attribute of the document may hold, whoever wrote it.
 *
 * Attributes reach the editor from Yjs without any check: another client, a script or somebody with bad intentions may
 * have put anything there. `cleanAttributes` is the one gate; it never throws and returns values the views may use
 * without looking again. Equal values keep their identity, so that reading never makes an attribute look changed.
 */

export type Attributes = Record<string, unknown>

const LONGEST_LINK = 2048
const LONGEST_TEXT = 1000
const FILE_URL = /^\/files\/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const SCHEME = /^(https?|mailto):/i
/** Control characters and blanks that browsers skip inside a URL, which makes `java\tscript:` dangerous. */
const INVISIBLE = /[\u0000-\u0020\u007f-\u00a0\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f\u2060\u3000\ufeff]/

/** The languages a code block can be coloured in, by the name that is stored. */
export const CODE_LANGUAGES = [
  'bash',
  'c',
  'cpp',
  'css',
  'go',
  'html',
  'java',
  'javascript',
  'json',
  'markdown',
  'python',
  'rust',
  'sql',
  'typescript',
  'yaml',
] as const
export type CodeLanguage = (typeof CODE_LANGUAGES)[number]

const ALIASES: Record<string, CodeLanguage> = {
  sh: 'bash',
  shell: 'bash',
  zsh: 'bash',
  'c++': 'cpp',
  golang: 'go',
  htm: 'html',
  xml: 'html',
  svg: 'html',
  js: 'javascript',
  jsx: 'javascript',
  mjs: 'javascript',
  md: 'markdown',
  py: 'python',
  rs: 'rust',
  ts: 'typescript',
  tsx: 'typescript',
  yml: 'yaml',
}

/** The stored name for what somebody typed after ``` or what another program calls the language; null if unknown. */
export function codeLanguage(name: unknown): CodeLanguage | null {
  if (typeof name !== 'string') return null
  const lower = name.trim().toLowerCase()
  if ((CODE_LANGUAGES as readonly string[]).includes(lower)) return lower as CodeLanguage
  return Object.hasOwn(ALIASES, lower) ? (ALIASES[lower] ?? null) : null
}

/** Whether a stored link may be followed: http, https and mailto, without characters that hide what it is. */
export function isSafeLink(href: unknown): href is string {
  if (typeof href !== 'string' || href.length > LONGEST_LINK || !SCHEME.test(href) || INVISIBLE.test(href)) return false
  if (/^mailto:/i.test(href)) return /^mailto:[^@]+@[^@]+$/i.test(href)
  try {
    return new URL(href).hostname !== ''
  } catch {
    return false
  }
}

/** Whether a picture comes from this product's own store. Anything else would tell another host who reads the page. */
export function isStoredFile(src: unknown): src is string {
  return typeof src === 'string' && FILE_URL.test(src)
}

const within = (value: unknown, least: number, most: number, otherwise: number | null) =>
  typeof value === 'number' && Number.isInteger(value) ? Math.min(most, Math.max(least, value)) : otherwise

const text = (value: unknown) =>
  typeof value === 'string' ? (value.length > LONGEST_TEXT ? value.slice(0, LONGEST_TEXT) : value) : null

function columnWidths(value: unknown, columns: number): unknown {
  const fits =
    Array.isArray(value) &&
    value.length === columns &&
    value.every((width) => typeof width === 'number' && Number.isInteger(width) && width >= 0 && width <= 4000)
  return fits ? value : null
}

function cell(raw: Attributes): Attributes {
  const colspan = within(raw.colspan, 1, 100, 1) as number
  return {
    colspan,
    rowspan: within(raw.rowspan, 1, 100, 1),
    colwidth: columnWidths(raw.colwidth, colspan),
    align: raw.align === 'left' || raw.align === 'center' || raw.align === 'right' ? raw.align : null,
  }
}

const CLEANERS: Record<string, (raw: Attributes) => Attributes> = {
  heading: (raw) => ({ level: within(raw.level, 1, 3, 1) }),
  orderedList: (raw) => ({
    start: within(raw.start, 0, 1_000_000, 1),
    type: typeof raw.type === 'string' && /^[1aAiI]$/.test(raw.type) ? raw.type : null,
  }),
  taskItem: (raw) => ({ checked: raw.checked === true }),
  codeBlock: (raw) => ({ language: codeLanguage(raw.language) }),
  tableCell: cell,
  tableHeader: cell,
  image: (raw) => ({
    src: isStoredFile(raw.src) ? raw.src : null,
    alt: text(raw.alt),
    width: within(raw.width, 1, 100_000, null),
    height: within(raw.height, 1, 100_000, null),
  }),
  link: (raw) => ({ href: isSafeLink(raw.href) ? raw.href : null }),
}

/**
 * The attributes a node or mark of this type may carry.
 *
 * @param typeName Name in the schema.
 * @param raw Whatever was stored; not necessarily an object.
 */
export function cleanAttributes(typeName: string, raw: unknown): Attributes | null {
  const clean = CLEANERS[typeName]
  if (clean === undefined) return null
  return clean(typeof raw === 'object' && raw !== null ? (raw as Attributes) : {})
}
