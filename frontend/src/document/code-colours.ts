/** The highlighter and its languages. Loaded when the first block needs it: most documents hold no code. */
import bash from 'highlight.js/lib/languages/bash'
import c from 'highlight.js/lib/languages/c'
import cpp from 'highlight.js/lib/languages/cpp'
import css from 'highlight.js/lib/languages/css'
import go from 'highlight.js/lib/languages/go'
import java from 'highlight.js/lib/languages/java'
import javascript from 'highlight.js/lib/languages/javascript'
import json from 'highlight.js/lib/languages/json'
import markdown from 'highlight.js/lib/languages/markdown'
import python from 'highlight.js/lib/languages/python'
import rust from 'highlight.js/lib/languages/rust'
import sql from 'highlight.js/lib/languages/sql'
import typescript from 'highlight.js/lib/languages/typescript'
import html from 'highlight.js/lib/languages/xml'
import yaml from 'highlight.js/lib/languages/yaml'
import { createLowlight } from 'lowlight'
import type { CodeLanguage } from './attributes.ts'

const languages: Parameters<typeof createLowlight>[0] & Record<CodeLanguage, unknown> = {
  bash,
  c,
  cpp,
  css,
  go,
  html,
  java,
  javascript,
  json,
  markdown,
  python,
  rust,
  sql,
  typescript,
  yaml,
}
const lowlight = createLowlight(languages)

interface Piece {
  type: string
  value?: string
  properties?: { className?: string[] }
  children?: Piece[]
}

/** The text in pieces, each with its classes; together they are the whole text. */
export function* highlight(language: CodeLanguage, text: string): Generator<[text: string, classes: string]> {
  yield* pieces(lowlight.highlight(language, text).children as Piece[])
}

function* pieces(nodes: readonly Piece[], classes: readonly string[] = []): Generator<[text: string, classes: string]> {
  for (const node of nodes) {
    const own = [...classes, ...(node.properties?.className ?? [])]
    if (node.children) yield* pieces(node.children, own)
    else yield [node.value ?? '', own.join(' ')]
  }
}
