/** The colour theme: what the page shows, what the person chose, and how to hear of a change. */
import type { Theme } from '../contract'

export type ThemeChoice = Theme | 'system'

const root = document.documentElement

export function currentTheme(): Theme {
  return root.dataset['theme'] === 'dark' ? 'dark' : 'light'
}

export function currentChoice(): ThemeChoice {
  const choice = root.dataset['themeChoice']
  return choice === 'light' || choice === 'dark' ? choice : 'system'
}

export function chooseTheme(choice: ThemeChoice): void {
  try {
    localStorage.setItem('collab-theme', choice)
  } catch {
    // Without storage the choice lasts as long as the page.
  }
  root.dataset['themeChoice'] = choice
  root.dataset['theme'] = choice === 'system' ? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light') : choice
}

export function onThemeChange(listener: (theme: Theme) => void): void {
  new MutationObserver(() => listener(currentTheme())).observe(root, { attributeFilter: ['data-theme'] })
}
