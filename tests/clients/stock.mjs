// A person with a stock client: does what lines of JSON on stdin say, and answers each with a line of JSON.
// node stock.mjs '{"version": 3, "server": "ws://...", "page": "<uuid>", "params": {"token": "..."}}'
import { createInterface } from 'node:readline'
import { Y, providerOf, reportingSocket, stateOf, troubles } from './packages.mjs'

const { version, server, page, params, client_id } = JSON.parse(process.argv[2])
const doc = new Y.Doc()
if (client_id) doc.clientID = client_id
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
    paragraph.insert(0, [new Y.XmlText(token)])
    doc.getXmlFragment('xml').push([paragraph])
  },
  // Everything that Yjs can hold, for the tests that need updates of all shapes.
  enrich: () => {
    const text = doc.getText('text')
    text.insert(0, 'Grüße 😀 and more', { italic: true })
    text.insertEmbed(3, { image: 'cat.png', sizes: [1, 2.5, -3, null, true] })
    text.format(2, 6, { link: 'https://example.org' })
    const values = [1, -1.5, true, null, [undefined], 2 ** 40, 'text', [1, [2]], { a: { b: 'c' } }, new Uint8Array(9)]
    doc.getArray('array').insert(0, values)
    const board = new Y.Map()
    doc.getMap('map').set('board', board)
    board.set('shapes', new Y.Array())
    board.get('shapes').push([new Y.Map([['x', 1]]), new Y.Text('label')])
    const list = new Y.XmlElement('list')
    doc.getXmlFragment('xml').insert(0, [list])
    list.insert(0, [new Y.XmlElement('item'), new Y.XmlText('one'), new Y.XmlElement('item')])
    list.get(1).format(0, 2, { bold: true })
    list.delete(2, 1)
    text.delete(4, 3)
  },
  v2: () => Buffer.from(Y.encodeStateAsUpdateV2(doc)).toString('base64'),
  erase: ({ length }) => doc.getText('text').delete(0, length),
  offline: () => provider.disconnect(),
  online: () => provider.connect(),
  name: ({ user }) => provider.awareness.setLocalStateField('user', user),
  state: () => stateOf(doc),
  vector: () => Object.fromEntries(Y.decodeStateVector(Y.encodeStateVector(doc))),
  people: () => [...provider.awareness.getStates().values()],
  seen: () => ({ ...seen, synced: provider.synced, troubles }),
}

const answer = (command, details) => {
  try {
    return JSON.stringify({ result: commands[command](details) ?? null })
  } catch (error) {
    return JSON.stringify({ error: String(error.stack) })
  }
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { command, ...details } = JSON.parse(line)
    process.stdout.write(`${answer(command, details)}\n`)
  })
  .on('close', () => process.exit())
