/** The ways in which this Mac can lie or be broken, each for the one check that must catch it. Empty: an honest Mac. */
export type Misbehaviour = {
  /** Apple's certificate names another Mac. */
  attestedSerial?: string
  /** DeviceInformation: an attestation kept from before, or one without freshness. */
  nonce?: 'replayed' | 'missing'
  acmeFreshness?: 'wrong' | 'missing'
  /** The certificate request is about a key that was not attested. */
  csrKey?: 'foreign'
  /** The chain ends in a root that only shares the name. */
  root?: 'foreign'
  /** SecurityInfo says the opposite of the attestation about SIP. */
  securityInfo?: 'contradict'
  /** CertificateList: what stands in the System keychain is left out, or stands there under its name with another key. */
  certificateList?: 'missing' | 'foreign'
  /**
   * Platform SSO: `cached` answers every request with the first one's attestation, as the cache of an extension and a key does;
   * the rest is about another key, another hash, no hash, no serial number and UDID.
   */
  sso?: 'cached' | 'foreign-key' | 'wrong-freshness' | 'no-freshness' | 'anonymous'
  /** After a renewal it goes on with its old identity; or it says that the profile could not be installed. */
  renewal?: 'keeps-old' | 'fails'
  /** MachineInfo: signed under another authority, changed after it was signed, or about another serial number. */
  machineInfo?: 'foreign' | 'tampered' | 'other-serial'
  /** Declarative management: every declaration is called invalid, or the report never comes. */
  declarations?: 'invalid' | 'silent'
  /** GetBootstrapToken is asked without ever having set one. */
  bootstrapToken?: 'never-set'
}
