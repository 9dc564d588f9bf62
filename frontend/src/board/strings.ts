/** The board's own words. Excalidraw brings its own for everything inside it. */
import { defineStrings } from '../i18n'

export const boardStrings = defineStrings({
  en: {
    board: 'Whiteboard',
    uploadFailed: (why: string) => `The image was not stored: ${why} Add it again to try once more.`,
    noSvg: 'SVG images are not supported yet. Use PNG, JPEG, GIF or WebP.',
    imageMissing: 'An image could not be loaded. It is tried again when the page is opened.',
    notAllowed: 'Only images can be put on the board.',
    retry: 'Try again',
  },
  'zh-CN': {
    board: '白板',
    uploadFailed: (why: string) => `图片没有保存：${why}请重新添加图片再试一次。`,
    noSvg: '暂不支持 SVG 图片，请使用 PNG、JPEG、GIF 或 WebP。',
    imageMissing: '有一张图片无法加载，下次打开页面时会再次尝试。',
    notAllowed: '白板上只能放置图片。',
    retry: '重试',
  },
})
