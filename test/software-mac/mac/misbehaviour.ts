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
}
