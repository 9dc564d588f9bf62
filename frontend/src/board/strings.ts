/** The board's own words. Excalidraw brings its own for everything inside it. */
import { defineStrings } from '../i18n'

export const boardStrings = defineStrings({
  en: {
    board: 'Whiteboard',
    menu: 'Board menu',
    uploadFailed: (why: string) => `The image is not stored yet, so others cannot see it. ${why} It is tried again by itself; keep this tab open.`,
    imageMissing: 'An image could not be loaded. It is tried again when the page is opened.',
    refused: (count: number) =>
      count === 1
        ? 'This cannot be put on a shared board, so it was taken away again.'
        : `${count} things cannot be put on a shared board, so they were taken away again.`,
    empty: 'Draw here, together',
    emptyViewer: 'Nothing has been drawn here yet. You will see it as it happens.',
    pen: 'Pen',
    rectangle: 'Rectangle',
    arrow: 'Arrow',
    text: 'Text',
    emptyImage: 'Images can be dropped or pasted anywhere.',
    emptyTouch: 'Choose a tool above. Two fingers move and zoom.',
  },
  'zh-CN': {
    board: '白板',
    menu: '白板菜单',
    uploadFailed: (why: string) => `图片还没有保存，其他人暂时看不到。${why}系统会自动重试，请不要关闭此标签页。`,
    imageMissing: '有一张图片无法加载，下次打开页面时会再次尝试。',
    refused: (count: number) => `有 ${count} 个内容不能放在共享白板上，已撤回。`,
    empty: '一起在这里画吧',
    emptyViewer: '这里还没有内容。别人一动笔，您就能看到。',
    pen: '画笔',
    rectangle: '矩形',
    arrow: '箭头',
    text: '文字',
    emptyImage: '可将图片拖放或粘贴到任意位置。',
    emptyTouch: '先在上方选择工具。双指可移动和缩放。',
  },
})
