import type { TrialStep } from '../step.ts'

/** Where the agent's key lives, and how it is bound to its Mac (DESIGN §4.3). */
export const KEY_STEPS: readonly TrialStep[] = [
  {
    id: 'K1',
    fact: 'CertificateList with `ManagedOnly` false reports a certificate that root, not MDM, put into the System keychain, in a reply signed by the attested identity',
    run: '`espalier agent run` under a policy whose smallest key binding is `mdm-signed`; look at the Mac’s page',
    expect: 'key binding `mdm-signed` within a minute',
    otherwise: 'level `mdm-signed` cannot be had on that macOS: bind by `ticket` or `apple`, and say so in the policy’s help',
  },
  {
    id: 'K2',
    fact: 'Root adds a certificate to the System keychain without anybody being asked',
    run: '`openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj "/CN=espalier $(openssl rand -hex 20)" -out /tmp/k.pem && sudo security add-certificates -k /Library/Keychains/System.keychain /tmp/k.pem`, over SSH; then the same through the agent',
    expect: 'exit 0, no dialogue; `security find-certificate -a -c "espalier "` lists it',
    otherwise: 'where a dialogue comes, level `mdm-signed` needs a profile that allows it',
  },
  {
    id: 'K3',
    fact: 'An SSO extension’s `attestKey(ofType: .sharedDeviceSigning, clientDataHash:)` yields an Apple chain whose P-256 leaf holds the key that the extension signs with, whose freshness code is the hash, and which names serial number and UDID where `AllowDeviceIdentifiersInAttestation` is set (macOS 15.4)',
    run: 'the signed agent package with its extension and profile; `espalier attest inspect --nonce HEX --serial S chain.pem`',
    expect: 'exit 0; the leaf’s key is the agent’s',
    otherwise: 'level `apple` stays off; adapt `server/attestation/platform-sso.ts` to the leaf that was seen',
  },
  {
    id: 'K4',
    fact: 'Attestations of Platform SSO are cached for an extension and a key: a second hash gets the first one’s certificate back',
    run: 'ask twice within an hour with two nonces, then after a restart of the Mac',
    expect: 'the older freshness code, or a new one: either is recorded',
    otherwise:
      'with a cache the binding is made once for the life of the key, and a fresh one needs a new key; without, it may be asked for with each session',
  },
  {
    id: 'K5',
    fact: 'A leaf made for Platform SSO says nothing of SIP, Secure Boot and kernel extensions',
    run: '`openssl asn1parse` of the leaf of K3',
    expect: 'no 1.2.840.113635.100.8.13.*',
    otherwise: 'judge them, too, where they are there',
  },
  {
    id: 'K6',
    isBlocking: true,
    fact: 'A signing key of CryptoKit’s Secure Enclave needs no entitlement and no keychain: its `dataRepresentation` is kept in a file and works again in another process of the same Mac',
    run: "`swift -e 'import CryptoKit; print(SecureEnclave.isAvailable, try! SecureEnclave.P256.Signing.PrivateKey().dataRepresentation.count)'`, as root over SSH, and from a LaunchDaemon",
    expect: '`true` and a number',
    otherwise: 'the agent must run as an application with a provisioning profile and a keychain access group',
    probe: {
      command: [
        '/usr/bin/swift',
        '-e',
        'import CryptoKit; print(SecureEnclave.isAvailable, try! SecureEnclave.P256.Signing.PrivateKey().dataRepresentation.count)',
      ],
      output: /^true [1-9]\d*\s*$/m,
    },
  },
  {
    id: 'K7',
    fact: '`SecKeyCreateRandomKey` with the Secure Enclave and `kSecAttrIsPermanent` false gives a key that lives as long as its process, without entitlement',
    run: "`swift -e 'import Security; var e: Unmanaged<CFError>?; print(SecKeyCreateRandomKey([kSecAttrKeyType: kSecAttrKeyTypeECSECPrimeRandom, kSecAttrKeySizeInBits: 256, kSecAttrTokenID: kSecAttrTokenIDSecureEnclave] as CFDictionary, &e) != nil)'`",
    expect: '`true`',
    otherwise: 'sealing keys for one session come from CryptoKit as well',
    probe: {
      command: [
        '/usr/bin/swift',
        '-e',
        'import Security; var e: Unmanaged<CFError>?; print(SecKeyCreateRandomKey([kSecAttrKeyType: kSecAttrKeyTypeECSECPrimeRandom, kSecAttrKeySizeInBits: 256, kSecAttrTokenID: kSecAttrTokenIDSecureEnclave] as CFDictionary, &e) != nil)',
      ],
      output: /^true\s*$/m,
    },
  },
  {
    id: 'K8',
    fact: 'A LaunchDaemon of root has no data-protection keychain (TN3137)',
    run: 'a LaunchDaemon that calls `SecItemAdd` with `kSecUseDataProtectionKeychain`',
    expect: 'errSecNotAvailable or -34018',
    otherwise: 'the key’s blob may move from its file into that keychain',
  },
]
