import type { Scope } from '../auth/permissions.ts'

/** What a request must bring to an address before anything is done or told. */
export type RouteAccess =
  /** Anybody on the network; the words say why that is right. */
  | { needs: 'nothing'; because: string }
  /** The console's procedures: each has a row of its own in the table. */
  | { needs: 'procedure' }
  /** A session of the console, for a page. */
  | { needs: 'session' }
  | { needs: 'api-key'; scope: Scope; or?: string }
  /** Proof of its own kind, checked behind this address; the words say which. */
  | { needs: 'proof'; of: string }

/**
 * Every address that the appliance answers, and what it asks for. An address that is missing here fails the test of the access
 * matrix: `espalier dev make-access-matrix` writes `server/auth/access-matrix.md` anew from this, the procedures and the roles.
 */
export const ROUTE_ACCESS: Readonly<Record<string, RouteAccess>> = {
  'GET /healthz': { needs: 'nothing', because: 'a load balancer asks whether the process lives' },
  'GET /readyz': { needs: 'nothing', because: 'a load balancer asks whether requests are accepted' },
  'GET /metrics': { needs: 'api-key', scope: 'fleet:read', or: 'ESPALIER_METRICS_TOKEN' },

  'POST /v1/chat/completions': { needs: 'api-key', scope: 'inference' },
  'GET /v1/models': { needs: 'api-key', scope: 'models:read' },
  'GET /v1/models/*': { needs: 'api-key', scope: 'models:read' },
  'GET /v1/fleet/attestation': { needs: 'api-key', scope: 'fleet:read' },
  'GET /v1/providers/attestation': { needs: 'api-key', scope: 'fleet:read' },
  'ALL /v1': { needs: 'nothing', because: 'answers that nothing is here' },
  'ALL /v1/*': { needs: 'nothing', because: 'answers that nothing is here, or which method is right' },

  'POST /enroll/invitations': { needs: 'api-key', scope: 'fleet:enroll' },
  'GET /enroll/:code': { needs: 'proof', of: 'the one-time code of an enrollment link' },
  'GET /enroll/automated': { needs: 'proof', of: 'MachineInfo signed by the Mac under Apple’s device CA' },
  'POST /enroll/automated': { needs: 'proof', of: 'MachineInfo signed by the Mac under Apple’s device CA' },
  'GET /acme/*': { needs: 'nothing', because: 'RFC 8555 §7.1.1 and §7.2: the directory and a nonce are for anyone' },
  'POST /acme/*': { needs: 'proof', of: 'a JWS of the ACME account, and the one-time client identifier of an enrollment' },
  'GET /scep': { needs: 'nothing', because: 'RFC 8894 §3.5: capabilities and the CA’s certificate are for anyone' },
  'POST /scep': { needs: 'proof', of: 'the one-time challenge password of an enrollment' },
  'PUT /mdm/checkin': { needs: 'proof', of: 'the MDM identity of that one enrollment' },
  'PUT /mdm/connect': { needs: 'proof', of: 'the MDM identity of that one enrollment' },

  'GET /setup-echo/:question': { needs: 'proof', of: 'a question that this appliance asked itself within half a minute, once' },

  'GET /api/auth/*': { needs: 'nothing', because: 'hands out the CSRF token, and tells a session of itself alone' },
  'POST /api/auth/*': { needs: 'proof', of: 'an own page’s Origin, the CSRF token, and to sign in the password and second factor' },
  'ALL /trpc/:path': { needs: 'procedure' },
  'GET /*': { needs: 'session' },
}
