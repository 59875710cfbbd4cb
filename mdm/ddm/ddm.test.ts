import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { arrayAt, type PlistDict } from '../plist/value.ts'
import { backgroundTask, dataAsset } from './background-task.ts'
import { type Declaration, kindOf, serverToken } from './declaration.ts'
import { parseEndpoint } from './endpoint.ts'
import { loginItemProfile } from './login-item-profile.ts'
import { mergeStatus } from './merge-status.ts'
import { parseStatusReport, type StatusItems, statusAt } from './status-report.ts'
import { activation, statusSubscriptions } from './status-subscriptions.ts'
import { declarationItems, declarationsToken } from './tokens.ts'

const file = (name: string) => ({ url: `https://espalier.example/${name}`, sha256: 'ab'.repeat(32), sizeBytes: 7 })
const task = { taskType: 'dev.espalier.agent', description: 'Agent', executable: file('agent.zip'), launchd: file('agent.plist') }
const utf8 = (text: string) => new TextEncoder().encode(text)

describe('tokens', () => {
  const declaration = fc.record({
    identifier: fc.stringMatching(/^[a-z]{1,8}$/),
    type: fc.constantFrom('com.apple.activation.simple', 'com.apple.configuration.x', 'com.apple.asset.data', 'com.apple.management.x'),
    payload: fc.dictionary(fc.string({ maxLength: 4 }), fc.jsonValue() as fc.Arbitrary<never>, { maxKeys: 4 }),
  })

  test('a declaration’s token does not depend on the order of its keys', () => {
    fc.assert(
      fc.property(declaration, (one) => {
        const reversed = Object.fromEntries(Object.entries(one.payload).reverse())
        expect(serverToken({ ...one, payload: reversed })).toBe(serverToken(one))
      }),
    )
  })
  test.each<[string, Partial<Declaration>]>([
    ['identifier', { identifier: 'other' }],
    ['type', { type: 'com.apple.configuration.y' }],
    ['payload', { payload: { A: 2 } }],
    ['payload’s type', { payload: { A: '1' } }],
  ])('and changes with its %s', (_, change) => {
    const one: Declaration = { identifier: 'one', type: 'com.apple.configuration.x', payload: { A: 1 } }
    expect(serverToken({ ...one, ...change })).not.toBe(serverToken(one))
  })
  test('the token of a set depends on what is in it, not on its order', () => {
    fc.assert(
      fc.property(fc.uniqueArray(declaration, { maxLength: 5, selector: (one) => one.identifier }), (set) => {
        expect(declarationsToken([...set].reverse())).toBe(declarationsToken(set))
        const extra: Declaration = { identifier: 'EXTRA', type: 'com.apple.asset.data', payload: {} }
        expect(declarationsToken([...set, extra])).not.toBe(declarationsToken(set))
      }),
    )
  })
  test('the list names each declaration once, under its kind', () => {
    const set = [...backgroundTask(task), activation('a', [task.taskType])]
    const { Declarations } = declarationItems(set, 'T')
    const names = Object.fromEntries(Object.entries(Declarations).map(([kind, items]) => [kind, items.map(({ Identifier }) => Identifier)]))
    expect(names).toEqual({
      Activations: ['a'],
      Configurations: ['dev.espalier.agent'],
      Assets: ['dev.espalier.agent.executable', 'dev.espalier.agent.launchd'],
      Management: [],
    })
  })
  test.each(['com.apple.unknown.x', 'configuration', 'com.example.configuration.x'])('%s is no declaration', (type) => {
    expect(() => kindOf({ type, identifier: 'x' })).toThrow(TypeError)
  })
  test('an identifier that would not fit into an endpoint is our own mistake', () => {
    expect(() => kindOf({ type: 'com.apple.asset.data', identifier: 'a/b' })).toThrow(TypeError)
  })
})

test('every identifier that may be declared can be asked for', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9._-]{1,128}$/), (identifier) => {
      expect(parseEndpoint(`declaration/asset/${identifier}`)).toEqual({ name: 'declaration', kind: 'asset', identifier })
    }),
  )
})

describe('declarations', () => {
  test('the agent’s background task is a daemon from two assets with their hashes', () => {
    const [executable, launchd, configuration] = backgroundTask(task)
    expect(executable?.payload).toMatchObject({ Reference: { ContentType: 'application/zip', 'Hash-SHA-256': 'ab'.repeat(32), Size: 7 } })
    expect(launchd?.payload).toMatchObject({ Reference: { ContentType: 'application/plist' }, Authentication: { Type: 'None' } })
    expect(configuration).toMatchObject({
      type: 'com.apple.configuration.services.background-tasks',
      payload: {
        TaskType: 'dev.espalier.agent',
        ExecutableAssetReference: executable?.identifier,
        LaunchdConfigurations: [{ FileAssetReference: launchd?.identifier, Context: 'daemon' }],
      },
    })
  })
  test.each<[string, () => unknown]>([
    ['an asset over http', () => dataAsset('a', { ...file('x'), url: 'http://x.example/', contentType: 'application/zip' })],
    ['an asset without a hash', () => dataAsset('a', { ...file('x'), sha256: '', contentType: 'application/zip' })],
    ['an empty asset', () => dataAsset('a', { ...file('x'), sizeBytes: 0, contentType: 'application/zip' })],
    ['a task type without a domain', () => backgroundTask({ ...task, taskType: 'agent' })],
    ['a subscription to nothing', () => statusSubscriptions('s', [])],
  ])('%s is refused', (_, build) => expect(build).toThrow(TypeError))
})

describe('the managed login item', () => {
  test('names the label, and the team where one is given; it asks for no privacy permission', () => {
    const profile = loginItemProfile({ organization: 'Example AG', label: 'dev.espalier.agent', teamIdentifier: 'ABCDE12345' })
    const payloads = arrayAt(profile, 'PayloadContent') as PlistDict[]
    expect(payloads.map((payload) => payload.get('PayloadType'))).toEqual(['com.apple.servicemanagement'])
    const [rule] = arrayAt(payloads[0] as PlistDict, 'Rules') as PlistDict[]
    expect(Object.fromEntries(rule as PlistDict)).toMatchObject({
      RuleType: 'Label',
      RuleValue: 'dev.espalier.agent',
      TeamIdentifier: 'ABCDE12345',
    })
  })
  test('is the same each time it is made', () => {
    const make = () => loginItemProfile({ organization: 'Example AG', label: 'dev.espalier.agent' })
    expect(make()).toEqual(make())
  })
  test('refuses a label or a team that is none', () => {
    expect(() => loginItemProfile({ organization: 'x', label: 'agent' })).toThrow(TypeError)
    expect(() => loginItemProfile({ organization: 'x', label: 'a.b', teamIdentifier: 'abc' })).toThrow(TypeError)
  })
})

describe('status reports', () => {
  const report = (value: unknown) => parseStatusReport(utf8(JSON.stringify(value)))

  test('give status items by their names, and errors with their codes', () => {
    const parsed = report({
      StatusItems: { device: { 'operating-system': { version: '15.5' } } },
      Errors: [{ StatusItem: 'mdm.app', Reasons: [{ Code: 'Error.UnknownStatusItem' }] }],
      Later: true,
    })
    if (!parsed.ok) throw new Error(parsed.fault)
    expect(statusAt(parsed.report.items, 'device.operating-system.version')).toBe('15.5')
    expect(statusAt(parsed.report.items, 'device.operating-system.version.x')).toBeUndefined()
    expect(statusAt(parsed.report.items, 'constructor')).toBeUndefined()
    expect(parsed.report.errors).toEqual([{ item: 'mdm.app', codes: ['Error.UnknownStatusItem'] }])
  })
  test.each<[string, Uint8Array, string]>([
    ['too many bytes', new Uint8Array(256 * 1024 + 1), 'TOO_LARGE'],
    ['no JSON', utf8('{'), 'NOT_JSON'],
    ['bytes that are no UTF-8', Uint8Array.of(0x22, 0xff, 0x22), 'NOT_JSON'],
    ['no status items', utf8('{"Errors":[]}'), 'MALFORMED'],
    ['items that are a list', utf8('{"StatusItems":[]}'), 'MALFORMED'],
    ['errors that are none', utf8('{"StatusItems":{},"Errors":[1]}'), 'MALFORMED'],
    ['items too deep', utf8(`{"StatusItems":${'{"a":'.repeat(20)}1${'}'.repeat(20)}}`), 'TOO_DEEP'],
    ['too many values', utf8(`{"StatusItems":{"a":[${'1,'.repeat(21_000)}1]}}`), 'TOO_DEEP'],
    ['a NUL, which the database cannot hold', utf8('{"StatusItems":{"a":"\\u0000"}}'), 'MALFORMED'],
    ['half of a surrogate pair in a name', utf8('{"StatusItems":{"a":{"\\ud800":1}}}'), 'MALFORMED'],
    ['a prototype', utf8('{"StatusItems":{"__proto__":{"x":1}}}'), 'TOO_DEEP'],
  ])('are refused with %s', (_, bytes, fault) => expect(parseStatusReport(bytes)).toEqual({ ok: false, fault }))
  test('of any bytes never throw', () => {
    fc.assert(fc.property(fc.oneof(fc.uint8Array(), fc.json().map(utf8)), (bytes) => void parseStatusReport(bytes)))
  })
})

describe('what a Mac has reported so far', () => {
  const merge = (before: StatusItems, items: StatusItems, isFull = false) => mergeStatus(before, { items, isFull })

  test('does not grow without end, whatever new items it reports', () => {
    let kept: StatusItems = {}
    for (let round = 0; round < 12; round++) {
      kept = merge(kept, { [`item${round}`]: 'x'.repeat(200_000) })
      expect(JSON.stringify(kept).length).toBeLessThan(1_300_000)
    }
    expect(kept).toHaveProperty('item11')
  })

  test('a report changes what it names and keeps the rest', () => {
    const before = { device: { identifier: { udid: 'X' }, model: { identifier: 'Mac16,1' } } }
    expect(merge(before, { device: { model: { identifier: 'Mac16,2' } } })).toEqual({
      device: { identifier: { udid: 'X' }, model: { identifier: 'Mac16,2' } },
    })
  })
  test('a full report replaces everything', () => expect(merge({ a: 1 }, { b: 2 }, true)).toEqual({ b: 2 }))
  test('elements of a list come, change and go by their identifier', () => {
    const before = merge({}, { list: [{ identifier: '1', state: 'enabled' }, { identifier: '2' }] })
    const after = merge(before, {
      list: [{ identifier: '1', state: 'not-found' }, { identifier: '2', _removed: true }, { identifier: '3' }],
    })
    expect(after).toEqual({ list: [{ identifier: '1', state: 'not-found' }, { identifier: '3' }] })
  })
  test('a list without identifiers is replaced', () => expect(merge({ list: [1, 2] }, { list: [3] })).toEqual({ list: [3] }))
  test('a report that comes twice changes nothing', () => {
    const json = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.jsonValue() as fc.Arbitrary<never>)
    fc.assert(
      fc.property(json, json, (before, items) => {
        const once = merge(before, items)
        expect(merge(once, items)).toEqual(once)
      }),
    )
  })
})
