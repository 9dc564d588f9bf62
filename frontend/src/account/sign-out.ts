/**
 * Signing out: this device forgets the pages it keeps.
 *
 * Whoever signs out may leave the computer to somebody else. What has not reached the server is asked about first: it
 * cannot be had back.
 */
import { CopyList, deleteCopy, deviceList } from '../device/list'
import { defineStrings } from '../i18n'

/** Signing out does not wait longer than this for a device that does not answer. */
const FORGET_MS = 1_500

export const signOutStrings = defineStrings({
  en: {
    unsaved:
      'Changes that you made without a connection are kept on this device and have not reached the server. Signing out removes them.\n\nTo send them first, open their page and wait until it says “Saved”.',
  },
  'zh-CN': {
    unsaved: '您在离线时所做的改动还保留在此设备上，没有发送到服务器。退出登录会删除这些改动。\n\n如需先发送，请打开相应页面，等到显示“已保存”。',
  },
})

/** Remove every copy from this browser; false if the person would rather not lose what is in one. */
export async function forgetDevice(list: CopyList | undefined, agrees: (question: string) => boolean): Promise<boolean> {
  if (!list) return true
  const names = [...list.all().keys()]
  if (names.some((name) => list.marks(name).length > 0) && !agrees(signOutStrings().unsaved)) return false
  for (const name of names) list.forget(name)
  const late = new Promise((resolve) => setTimeout(resolve, FORGET_MS))
  await Promise.race([Promise.all(names.map(deleteCopy)), late])
  return true
}

for (const form of document.querySelectorAll<HTMLFormElement>('form[data-sign-out]')) {
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void forgetDevice(deviceList(), (question) => confirm(question)).then((agreed) => {
      if (agreed) form.submit()
    })
  })
}
