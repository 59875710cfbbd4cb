import { sealEnvelope } from '../../../mdm/scep/envelope.ts'
import { bytes, MESSAGE_TYPE, openPkiMessage, SENDER_NONCE, signMessage, TRANSACTION_ID, text } from '../../../mdm/scep/message.ts'
import { createMemoryPorts } from '../../../mdm/testing/memory-ports.ts'
import { certificateRequest, newRsaKeys, selfSigned } from '../../../mdm/testing/scep-client.ts'
import { testScepCa } from '../../../mdm/testing/scep-issuer.ts'
import { createTestInstallation } from '../../../mdm/testing/test-installation.ts'
import { hold, type Input, one, same, type Target } from '../target.ts'

export const scep: Target = {
  name: 'scep',
  about: 'SCEP messages: answered or refused; what is opened is what a requester signed and encrypted to us.',
  shape: 'der',
  maxBytes: 20 * 1024,
  limitMs: 500,
  open: async () => {
    const { deps, mdm } = await createTestInstallation(createMemoryPorts())
    const ca = await testScepCa(deps.clock.now())
    deps.scep = ca
    const keys = await newRsaKeys()
    const signer = await selfSigned(keys)
    const csrs = await Promise.all(['enr_1', 'enr_2'].map((commonName) => certificateRequest(keys, { commonName, challenge: 'one-time' })))
    const cipher = { name: 'aes-128-cbc', oid: '2.16.840.1.101.3.4.1.2', keyBytes: 16 } as const
    const messages = await Promise.all(
      csrs.map((csr, at) =>
        signMessage({
          signer,
          content: sealEnvelope(csr, { recipient: ca.certificate, cipher, random: deps.random }),
          attributes: [
            text(MESSAGE_TYPE, at === 0 ? '19' : '17'),
            text(TRANSACTION_ID, `transaction-${at}`),
            bytes(SENDER_NONCE, new Uint8Array(16).fill(at)),
          ],
        }),
      ),
    )
    const run = async ([der = new Uint8Array()]: Input): Promise<string> => {
      const message = openPkiMessage(der, ca)
      if (message !== undefined) {
        hold(
          'a request is one that was made',
          csrs.some((csr) => same(csr, message.csr)),
        )
        hold('what it says of itself was signed', /^transaction-[01]$/.test(message.transactionId) && message.senderNonce.length === 16)
      }
      const reply = await mdm.handleScep({ method: 'POST', path: '/scep', query: 'operation=PKIOperation', headers: {}, body: der })
      hold('the answer fits the request', reply.status === (message === undefined ? 400 : 200))
      return `${reply.status} ${message?.type} ${reply.body.length < 200}`
    }
    return { corpus: messages.map(one), run }
  },
}
