/** Every address of the ACME server. `url` in a request's protected header must be one of them, exactly (RFC 8555 §6.4). */
export function acmeUrls(publicUrl: string) {
  const base = `${publicUrl}/acme`
  return {
    directory: `${base}/directory`,
    newNonce: `${base}/new-nonce`,
    newAccount: `${base}/new-account`,
    newOrder: `${base}/new-order`,
    account: (id: string) => `${base}/account/${id}`,
    order: (id: string) => `${base}/order/${id}`,
    finalize: (id: string) => `${base}/order/${id}/finalize`,
    authorization: (id: string) => `${base}/authz/${id}`,
    challenge: (id: string) => `${base}/challenge/${id}`,
    certificate: (id: string) => `${base}/certificate/${id}`,
  }
}

export type AcmeUrls = ReturnType<typeof acmeUrls>
