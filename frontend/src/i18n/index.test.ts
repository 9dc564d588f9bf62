import { afterEach, expect, test } from 'vitest'
import { defineStrings, language, listNames, plural } from './index'

const strings = defineStrings({
  en: { hello: 'Hello', people: (count: number) => plural(count, 'person', 'people') },
  'zh-CN': { hello: '你好', people: (count) => `${count} 人` },
})

afterEach(() => {
  document.documentElement.lang = ''
})

test.each([
  ['en', 'en'],
  ['en-GB', 'en'],
  ['zh-CN', 'zh-CN'],
  ['zh-hans', 'zh-CN'],
  ['zh', 'zh-CN'],
  ['fr', 'en'],
  ['', 'en'],
])('a page in "%s" speaks %s', (lang, expected) => {
  document.documentElement.lang = lang
  expect(language()).toBe(expected)
})

test('strings follow the language of the page', () => {
  expect(strings().hello).toBe('Hello')
  document.documentElement.lang = 'zh-hans'
  expect(strings().hello).toBe('你好')
  expect(strings().people(2)).toBe('2 人')
})

test('English tells one from many', () => {
  expect(strings('en').people(1)).toBe('1 person')
  expect(strings('en').people(0)).toBe('0 people')
})

test('names are joined as the language does it', () => {
  expect(listNames(['Ann', 'Bob', 'Eve'], 'en')).toBe('Ann, Bob, and Eve')
  expect(listNames(['Ann', 'Bob', 'Eve'], 'zh-CN')).toBe('Ann、Bob和Eve')
})
