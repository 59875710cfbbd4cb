import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { EVALUATION_ROOT_NAME as NAME_OF_AUTHORITY } from '../../test/software-mac/apple/authority.ts'
import { authority } from '../../test/support/trust-evidence.ts'
import { APPLE_ANCHORS, createCustomAnchors, createEvaluationAnchors, EVALUATION_ROOT_NAME, isAnchor } from './roots.ts'

test('the pinned root is the one whose fingerprint stands in its comment', () => {
  const [root] = APPLE_ANCHORS.roots
  const fingerprint = createHash('sha256').update(root.raw).digest('hex').toUpperCase().match(/../g)?.join(':')
  expect(fingerprint).toBe('CC:F5:9E:F8:FC:B3:01:7D:97:F8:B5:FA:6F:A9:0E:7A:3F:92:83:F7:6B:55:AC:6C:F6:ED:A8:B8:B9:49:F0:5B')
  expect(root.subject.commonName).toBe('Apple Enterprise Attestation Root CA')
  expect(root.serialNumber.toString(16)).toBe('42c0c2bb2c727c5c5eabf6f1a66f1fac5d798737')
  expect(root.notBefore).toEqual(new Date('2022-02-16T19:01:24Z'))
  expect(root.notAfter).toEqual(new Date('2047-02-20T00:00:00Z'))
})

test('an evaluation root must say in its name that it is one', () => {
  expect(createEvaluationAnchors(authority.rootDer).domain).toBe('evaluation')
  expect(NAME_OF_AUTHORITY).toBe(EVALUATION_ROOT_NAME)
  expect(() => createEvaluationAnchors(authority.subCaDer)).toThrow(TypeError)
  expect(() => createEvaluationAnchors(APPLE_ANCHORS.roots[0].raw)).toThrow(TypeError)
})

test('a malformed root is refused when it is given, not when it is used', () => {
  expect(() => createEvaluationAnchors(new Uint8Array([1, 2, 3]))).toThrow(TypeError)
  expect(() => createCustomAnchors(new Uint8Array())).toThrow(TypeError)
})

test('a root is recognised by its bytes', () => {
  const [root] = createCustomAnchors(authority.rootDer).roots
  expect(isAnchor(root, createEvaluationAnchors(authority.rootDer))).toBe(true)
  expect(isAnchor(root, APPLE_ANCHORS)).toBe(false)
})
