import { expect, test } from 'vitest'
import { codeLanguage } from './attributes.ts'
import { keysText } from './controls.ts'
import { STRINGS } from './strings.ts'
import { wordsIn } from './words.ts'

test.each([
  ['', 0],
  ['one two', 2],
  ["don't mother-in-law 3.14", 3],
  ['— … !', 0],
  ['你好世界', 4],
  ['用 Django 写的 3 个房间', 8],
  ['한국어 abc', 4],
])('%j has %i words', (text, count) => {
  expect(wordsIn(text)).toBe(count)
})

test('every string exists in every language, and none is empty or left in English', () => {
  const { en, 'zh-CN': zh } = STRINGS
  expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort())
  for (const [name, value] of Object.entries(zh)) {
    const said = typeof value === 'function' ? (value as (argument: unknown) => string)(1) : value
    expect(said, name).toMatch(/\p{Script=Han}/u)
  }
})

test('shortcuts are written as the keyboard has them', () => {
  expect(keysText('Mod-Shift-s', false)).toBe('Ctrl+Shift+S')
  expect(keysText('Mod-Shift-s', true)).toBe('⌘⇧S')
})

test.each([
  ['py', 'python'],
  ['JavaScript', 'javascript'],
  ['__proto__', null],
  ['constructor', null],
  [{}, null],
])('the language %j is %j', (name, stored) => {
  expect(codeLanguage(name)).toBe(stored)
})
