/** Counting words, in languages with spaces between them and without. */
import type { Node } from '@tiptap/pm/model'

const CJK = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/gu
const WORD = /[\p{L}\p{N}]+(?:[-'’.][\p{L}\p{N}]+)*/gu

/** Words of a text; a Chinese, Japanese or Korean character counts as one. */
export function wordsIn(text: string): number {
  const characters = text.match(CJK)?.length ?? 0
  return characters + (text.replace(CJK, ' ').match(WORD)?.length ?? 0)
}

/** A block that did not change is not counted again. */
const counted = new WeakMap<Node, number>()

export function countWords(node: Node): number {
  const known = counted.get(node)
  if (known !== undefined) return known
  let count = 0
  if (node.isTextblock) count = wordsIn(node.textBetween(0, node.content.size, ' ', ' '))
  else node.forEach((child) => (count += countWords(child)))
  counted.set(node, count)
  return count
}
