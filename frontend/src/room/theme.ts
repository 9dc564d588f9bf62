/**
 * Sets the colour theme before the first paint. Loaded as a classic script in <head>: no import, no export.
 *
 * `data-theme` on <html> is what the page shows (light or dark), `data-theme-choice` what the person chose (light, dark
 * or system). src/room/theme-choice.ts changes the choice; this file is where it is read back on every page.
 */
{
  const root = document.documentElement
  const dark = window.matchMedia('(prefers-color-scheme: dark)')

  const read = (): string => {
    try {
      return localStorage.getItem('collab-theme') ?? 'system'
    } catch {
      return 'system'
    }
  }

  const show = (): void => {
    const stored = read()
    const choice = stored === 'light' || stored === 'dark' ? stored : 'system'
    root.dataset['themeChoice'] = choice
    root.dataset['theme'] = choice === 'system' ? (dark.matches ? 'dark' : 'light') : choice
  }

  show()
  dark.addEventListener('change', show)
  window.addEventListener('storage', (event) => {
    if (event.key === 'collab-theme') show()
  })
}
