/** What comes from the clipboard, before the schema takes what it knows of it. */

const TAG = /<[a-z](?:"[^"]*"|'[^']*'|[^>"'])*>/gi
const HANDLER = /\s+on[a-z]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>]*)/gi

/**
 * Pasted HTML without inline event handlers. The schema drops them anyway, and the content policy keeps them from
 * running; but the browser reports each one as a violation while it parses.
 */
export const withoutHandlers = (html: string): string => html.replace(TAG, (tag) => tag.replace(HANDLER, ''))

/** Whether pasted HTML says no more than the file beside it: "Copy image" in a browser gives both. */
export function isPictureOnly(html: string): boolean {
  const text = html
    .replace(/<!--[\s\S]*?-->/g, '')
    .replace(/<(style|script|title)\b[\s\S]*?<\/\1>/gi, '')
    .replace(/<[^>]*>/g, '')
  return text.trim() === ''
}
