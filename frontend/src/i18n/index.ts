/**
 * The words of the interface, in the languages we speak.
 *
 * A module that shows text defines its own strings; English decides the type, so a Chinese string that is missing or
 * takes other arguments does not compile. The language is that of <html lang>, chosen by the server.
 */
import type { Language } from '../contract'

/** A sentence, one made from values, or a few of a kind (the names of the roles). */
type Word = string | ((...values: never[]) => string) | { readonly [name: string]: string }
type Catalog = Record<string, Word>

/** The shape of a catalog: its keys, and what kind of word each is. */
type Like<T extends Catalog> = {
  [Key in keyof T]: T[Key] extends string
    ? string
    : T[Key] extends (...values: never[]) => string
      ? T[Key]
      : { [Name in keyof T[Key]]: string }
}

/** The language the page was rendered in. */
export function language(root: HTMLElement = document.documentElement): Language {
  return /^zh\b/i.test(root.lang) ? 'zh-CN' : 'en'
}

/**
 * Declare the strings of one module.
 *
 * Returns:
 *     A function that gives the catalog in the page's language, or in the one asked for.
 */
export function defineStrings<const T extends Catalog>(catalogs: { en: T; 'zh-CN': Like<T> }): (of?: Language) => Like<T> {
  return (of = language()) => (of === 'zh-CN' ? catalogs['zh-CN'] : (catalogs.en as Like<T>))
}

/** English has two forms, Chinese one: `plural(3, 'person', 'people')` is "3 people". */
export function plural(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`
}

/** Names as a list in a sentence: "Ann, Bob and Eve". */
export function listNames(names: readonly string[], of: Language = language()): string {
  return new Intl.ListFormat(of, { style: 'long', type: 'conjunction' }).format(names)
}
