import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { decideStatus, type Facts, realClock, type Status, StatusGate } from './status'

const CALM: Facts = {
  refused: undefined,
  connected: true,
  everSynced: true,
  copy: { shown: false, keeps: false },
  tried: true,
  answered: true,
  confirmed: true,
  everConfirmed: true,
  readOnly: false,
  unsaved: false,
  trouble: undefined,
  overdue: false,
  files: { sending: 0, failed: 0 },
}

describe('the word for the facts', () => {
  test.each<[string, Partial<Facts>, Status]>([
    ['all is well', {}, { kind: 'saved' }],
    ['something is on its way', { unsaved: true, confirmed: false }, { kind: 'saving', files: 0 }],
    ['the server has not asked yet', { answered: false, everConfirmed: false }, { kind: 'connecting', shown: false }],
    ['content has not arrived', { everSynced: false }, { kind: 'connecting', shown: false }],
    ['never connected', { connected: false, everSynced: false }, { kind: 'connecting', shown: false }],
    ['edited before the first connection', { connected: false, everSynced: false, unsaved: true }, { kind: 'offline', unsaved: true, kept: false }],
    ['connection lost', { connected: false }, { kind: 'offline', unsaved: false, kept: false }],
    ['a file is on its way', { unsaved: true, files: { sending: 1, failed: 0 } }, { kind: 'saving', files: 1 }],
    ['a file could not be stored', { unsaved: true, files: { sending: 1, failed: 1 } }, { kind: 'not-saved', why: 'files', kept: false }],
    ['a copy from this device is shown', { connected: false, everSynced: false, tried: false, copy: { shown: true, keeps: true } }, { kind: 'connecting', shown: true }],
    ['a copy, and nobody answers', { connected: false, everSynced: false, copy: { shown: true, keeps: true } }, { kind: 'offline', unsaved: false, kept: true }],
    ['edits that this device keeps', { connected: false, unsaved: true, copy: { shown: false, keeps: true } }, { kind: 'offline', unsaved: true, kept: true }],
    ['no device keeps the bytes of a file', { connected: false, unsaved: true, copy: { shown: false, keeps: true }, files: { sending: 1, failed: 0 } }, { kind: 'offline', unsaved: true, kept: false }],
    ['a viewer', { readOnly: true }, { kind: 'read-only', unsaved: false }],
    ['a viewer without connection', { readOnly: true, connected: false }, { kind: 'offline', unsaved: false, kept: false }],
    ['trouble with nothing unsaved is still trouble', { trouble: 'page-full' }, { kind: 'not-saved', why: 'page-full', kept: false }],
    ['a refusal outranks everything', { refused: 'moderated', connected: false, unsaved: true }, { kind: 'refused', reason: 'moderated', unsaved: true }],
  ])('%s', (_what, facts, status) => {
    expect(decideStatus({ ...CALM, ...facts })).toEqual(status)
  })

  test('"saved" needs every single one of its conditions', () => {
    for (const broken of [{ connected: false }, { everSynced: false }, { answered: false }, { confirmed: false }, { unsaved: true }]) {
      expect(decideStatus({ ...CALM, ...broken }).kind).not.toBe('saved')
    }
  })
})

describe('calm', () => {
  let shown: string[]
  let gate: StatusGate

  beforeEach(() => {
    vi.useFakeTimers()
    shown = []
    gate = new StatusGate({ kind: 'saved' }, realClock, (status) => shown.push(status.kind))
  })

  afterEach(() => {
    gate.destroy()
    vi.useRealTimers()
  })

  test('leaving "saved" is immediate, however recent it is', () => {
    gate.offer({ kind: 'saving', files: 0 })
    gate.offer({ kind: 'saved' })
    vi.advanceTimersByTime(600)
    expect(shown).toEqual(['saving', 'saved'])
    gate.offer({ kind: 'saving', files: 0 })
    expect(shown.at(-1)).toBe('saving')
  })

  test('a moment of "saved" between two edits is not shown', () => {
    gate.offer({ kind: 'saving', files: 0 })
    vi.advanceTimersByTime(2_000)
    gate.offer({ kind: 'saved' })
    vi.advanceTimersByTime(500)
    gate.offer({ kind: 'saving', files: 0 })
    vi.advanceTimersByTime(2_000)
    expect(shown).toEqual(['saving'])
  })

  test('changes that undo each other within half a second are not shown', () => {
    gate.offer({ kind: 'offline', unsaved: false, kept: false })
    gate.offer({ kind: 'connecting', shown: false })
    gate.offer({ kind: 'offline', unsaved: false, kept: false })
    vi.advanceTimersByTime(2_000)
    expect(shown).toEqual(['offline'])
  })

  test('a copy that is shown first does not hold up the word that follows', () => {
    const first = new StatusGate({ kind: 'connecting', shown: false }, realClock, (status) => shown.push(status.kind))
    first.offer({ kind: 'connecting', shown: true })
    first.offer({ kind: 'saved' })
    expect(shown).toEqual(['connecting', 'saved'])
    first.destroy()
  })

  test('a refusal and a lost right do not wait', () => {
    gate.offer({ kind: 'saving', files: 0 })
    gate.offer({ kind: 'read-only', unsaved: false })
    gate.offer({ kind: 'refused', reason: 'unknown', unsaved: false })
    expect(shown).toEqual(['saving', 'read-only', 'refused'])
  })
})
