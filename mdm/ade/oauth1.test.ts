import { expect, test } from 'vitest'
import { baseString, oauth1Header, percentEncode, sign } from './oauth1.ts'

// RFC 5849 §1.2, the temporary-credential-free request for a photo: the signature is the RFC's own.
test('signs the request of RFC 5849 as the RFC does', () => {
  const url = new URL('http://photos.example.net/photos?file=vacation.jpg&size=original')
  const parameters: [string, string][] = [
    ['oauth_consumer_key', 'dpf43f3p2l4k3l03'],
    ['oauth_token', 'nnch734d00sl2jdk'],
    ['oauth_signature_method', 'HMAC-SHA1'],
    ['oauth_timestamp', '137131202'],
    ['oauth_nonce', 'chapoH'],
    ...url.searchParams,
  ]
  const secrets = { consumerSecret: 'kd94hf93k423kf44', accessSecret: 'pfkkdhi9sl3r4s00' }
  expect(sign(baseString({ method: 'GET', url }, parameters), secrets)).toBe('MdpQcU8iPSUjWoN/UDMsK2sui9I=')
})

// RFC 5849 §3.4.1.1, parameters of query and body together.
test('builds the base string of RFC 5849 §3.4.1.1', () => {
  const url = new URL('http://EXAMPLE.COM:80/request')
  const parameters: [string, string][] = [
    ['b5', '=%3D'],
    ['a3', 'a'],
    ['c@', ''],
    ['a2', 'r b'],
    ['oauth_consumer_key', '9djdj82h48djs9d2'],
    ['oauth_token', 'kkk9d7dh3k39sjv7'],
    ['oauth_signature_method', 'HMAC-SHA1'],
    ['oauth_timestamp', '137131201'],
    ['oauth_nonce', '7d8f3e4a'],
    ['c2', ''],
    ['a3', '2 q'],
  ]
  expect(baseString({ method: 'post', url }, parameters)).toBe(
    'POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7',
  )
})

test('encodes everything but RFC 3986’s unreserved characters', () => {
  expect(percentEncode("aZ09-._~!*'() +/=&%ü")).toBe('aZ09-._~%21%2A%27%28%29%20%2B%2F%3D%26%25%C3%BC')
})

test('names no secret in the header', () => {
  const credentials = { consumerKey: 'CK', consumerSecret: 'the consumer’s', accessToken: 'AT', accessSecret: 'the token’s' }
  const header = oauth1Header({ method: 'GET', url: new URL('https://a.example/session'), realm: 'ADM' }, credentials, {
    timestamp: 1,
    nonce: 'n',
  })
  expect(header).toMatch(/^OAuth realm="ADM", oauth_consumer_key="CK", /)
  expect(header).not.toContain('the%20')
})
