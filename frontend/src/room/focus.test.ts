import { afterEach, beforeEach, expect, test } from 'vitest'
import { h } from './element'
import { pageFocus, watchFocus } from './focus'

let stage: HTMLElement
let text: HTMLTextAreaElement
let button: HTMLElement

const press = (target: HTMLElement) => target.dispatchEvent(new Event('pointerdown', { bubbles: true }))

beforeEach(() => {
  text = h('textarea')
  button = h('button')
  stage = h('main', { tabindex: '-1' }, text)
  document.body.append(stage, button)
  watchFocus(stage)
})

afterEach(() => document.body.replaceChildren())

test('a button pressed while somebody writes gives the keyboard back to the page', () => {
  text.focus()
  press(button)
  button.focus()
  expect(pageFocus()).toBe(text)
})

test('a button pressed by keyboard keeps it', () => {
  text.focus()
  press(button)
  button.focus()
  button.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }))
  expect(pageFocus()).toBeUndefined()
})

test('a page that nobody works on asks for nothing', () => {
  stage.focus()
  press(button)
  expect(pageFocus()).toBeUndefined()
})
