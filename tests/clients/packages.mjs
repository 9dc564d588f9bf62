// The npm packages of tests/node, for scripts that live elsewhere, and what every script here needs of them.
import { createRequire } from 'node:module'

const require = createRequire(new URL('../node/package.json', import.meta.url))

export const Y = require('yjs')
export const WebSocket = require('ws')

/** The provider of one published version of y-websocket, unmodified. */
export const providerOf = (version) => require(`y-websocket-${version}`).WebsocketProvider

/** A WebSocket class that says where it comes from, as browsers do, and reports every connection it makes. */
export const reportingSocket = ({ origin, onConnect, onMessage = () => {} }) =>
  class extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols, origin === undefined ? {} : { origin })
      onConnect()
      this.on('message', onMessage)
    }
  }

/** Collects what a page's console and its window.onerror would show. */
export const troubles = []
console.error = (...words) => troubles.push(words.map(String).join(' '))
process.on('uncaughtException', (error) => troubles.push(String(error.stack)))
process.on('unhandledRejection', (error) => troubles.push(String(error?.stack ?? error)))

/** Everything on the page in a form that other Yjs libraries can be compared with. */
export const stateOf = (doc) => ({
  text: doc
    .getText('text')
    .toDelta()
    .map(({ insert, attributes }) => [insert, attributes ?? {}]),
  map: doc.getMap('map').toJSON(),
  array: doc.getArray('array').toJSON(),
  xml: doc.getXmlFragment('xml').toArray().map(xmlState),
})

const xmlState = (node) =>
  node instanceof Y.XmlText
    ? node.toDelta().map(({ insert, attributes }) => [insert, attributes ?? {}])
    : [node.nodeName, node.getAttributes(), node.toArray().map(xmlState)]
