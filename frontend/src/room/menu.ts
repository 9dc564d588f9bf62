/** The menu at the end of the bar: name, theme, language, shortcuts. */
import check from 'lucide-static/icons/check.svg?raw'
import keyboard from 'lucide-static/icons/keyboard.svg?raw'
import languages from 'lucide-static/icons/languages.svg?raw'
import monitor from 'lucide-static/icons/monitor.svg?raw'
import moon from 'lucide-static/icons/moon.svg?raw'
import sun from 'lucide-static/icons/sun.svg?raw'
import userPen from 'lucide-static/icons/user-pen.svg?raw'
import { language } from '../i18n'
import type { RoomData } from './bootstrap'
import { h, icon } from './element'
import { popoverFor } from './popover'
import { openShortcuts } from './shortcuts'
import { roomStrings } from './strings'
import { chooseTheme, currentChoice, type ThemeChoice } from './theme-choice'

/** Django's names of our languages, each in its own words. */
const LANGUAGES = [
  { code: 'en', shown: 'en', name: 'English' },
  { code: 'zh-hans', shown: 'zh-CN', name: '简体中文' },
] as const

export function installMenu(button: HTMLElement, data: RoomData, changeName: (() => void) | undefined): void {
  const strings = roomStrings()
  const themes: [ThemeChoice, string, string][] = [
    ['system', strings.themeSystem, monitor],
    ['light', strings.themeLight, sun],
    ['dark', strings.themeDark, moon],
  ]
  popoverFor(button, {
    class: 'menu',
    role: 'menu',
    label: strings.menu,
    focusInside: true,
    fill: (close) => {
      const item = (symbol: string, label: string, run: () => void, chosen?: boolean, lang?: string): HTMLElement =>
        h(
          'button',
          {
            class: 'menu-item',
            type: 'button',
            lang,
            role: chosen === undefined ? 'menuitem' : 'menuitemradio',
            'aria-checked': chosen === undefined ? undefined : String(chosen),
            on: {
              click: () => {
                close()
                run()
              },
            },
          },
          icon(symbol),
          h('span', { class: 'menu-label' }, label),
          chosen && icon(check),
        )
      const heading = (text: string): HTMLElement => h('div', { class: 'menu-heading', role: 'presentation' }, text)
      const rule = (): HTMLElement => h('hr', { class: 'menu-rule' })
      return [
        ...(changeName ? [item(userPen, `${strings.yourName}…`, changeName), rule()] : []),
        heading(strings.theme),
        ...themes.map(([choice, label, symbol]) => item(symbol, label, () => chooseTheme(choice), choice === currentChoice())),
        rule(),
        heading(strings.language),
        ...LANGUAGES.map(({ code, shown, name }) =>
          item(languages, name, () => switchLanguage(data, code), shown === language(), shown),
        ),
        rule(),
        item(keyboard, strings.shortcuts, openShortcuts),
      ]
    },
  })
}

/** The server speaks the language too, so it is told, and the page comes back in it. */
function switchLanguage(data: RoomData, code: string): void {
  if (code === LANGUAGES.find(({ shown }) => shown === language())?.code) return
  const hidden = (name: string, value: string): HTMLElement => h('input', { type: 'hidden', name, value })
  const form = h(
    'form',
    { method: 'post', action: data.urls.language ?? '/i18n/setlang/', hidden: true },
    hidden('csrfmiddlewaretoken', data.csrf),
    hidden('language', code),
    hidden('next', location.pathname + location.search),
  )
  document.body.append(form)
  form.submit()
}
