// A person with a stock client: does what lines of JSON on stdin say, and answers each with a line of JSON.
// node stock.mjs '{"version": 3, "server": "ws://...", "page": "<uuid>", "params": {"token": "..."}}'
import { createInterface } from 'node:readline'
import { Y, providerOf, reportingSocket, stateOf, troubles } from './packages.mjs'

const { version, server, page, params } = JSON.parse(process.argv[2])
const doc = new Y.Doc()
const seen = { connections: 0, messages: 0, closes: [] }
const options = {
  params,
  WebSocketPolyfill: reportingSocket({
    onConnect: () => seen.connections++,
    onMessage: () => seen.messages++,
  }),
}
const provider = new (providerOf(version))(`${server}/ws/pages`, page, doc, options)
provider.on('connection-close', (event) => event && seen.closes.push([event.code, String(event.reason)]))

const commands = {
  // One edit of every kind, each a transaction of its own.
  write: ({ token, first }) => {
    const text = doc.getText('text')
    text.insert(first ? 0 : text.length, `${token} `, { bold: true })
    doc.getMap('map').set(token, token)
    doc.getMap('map').set('latest', token)
    doc.getArray('array').push([new Y.Map([['token', token]])])
    const paragraph = new Y.XmlElement('paragraph')
    paragraph.setAttribute('token', token)
    paragraph.push([new Y.XmlText(token)])
    doc.getXmlFragment('xml').push([paragraph])
  },
  erase: ({ length }) => doc.getText('text').delete(0, length),
  offline: () => provider.disconnect(),
  online: () => provider.connect(),
  name: ({ user }) => provider.awareness.setLocalStateField('user', user),
  state: () => stateOf(doc),
  people: () => [...provider.awareness.getStates().values()],
  seen: () => ({ ...seen, synced: provider.synced, troubles }),
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { command, ...details } = JSON.parse(line)
    process.stdout.write(`${JSON.stringify(commands[command](details) ?? null)}\n`)
  })
  .on('close', () => process.exit())
