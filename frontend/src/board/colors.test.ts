import { expect, it } from 'vitest'
import { onCanvas, throughFilter } from './colors'

const channels = (color: string) => [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16))

it('leaves a colour as it is where nothing turns it over', () => {
  expect(onCanvas('#c2255c', 'light')).toBe('#c2255c')
})

it.each(['#c2255c', '#2f7d32', '#1971c2', '#8a5a3c', '#6741d9', '#ffffff'])('shows %s as nearly the same in dark mode', (color) => {
  // The filter cannot make every strong colour; a blue comes out a little paler.
  const seen = channels(throughFilter(onCanvas(color, 'dark')))

  channels(color).forEach((channel, at) => expect(Math.abs(channel - (seen[at] ?? 0))).toBeLessThan(64))
})
