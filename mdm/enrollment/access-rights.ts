/**
 * What the profile asks for, bit by bit (Apple: MDM profile, AccessRights). A right can never be added later without enrolling
 * again, and a query without its right is acknowledged with the key silently left out.
 */
const INSPECT_PROFILES = 1
const INSTALL_PROFILES = 2
const QUERY_DEVICE_INFORMATION = 16
const INSPECT_APPLICATIONS = 256
const SECURITY_QUERIES = 1024
const MANAGE_APPLICATIONS = 4096

/** 5395: no lock, no erase, no network, no restrictions, no settings. */
export const ACCESS_RIGHTS =
  INSPECT_PROFILES | INSTALL_PROFILES | QUERY_DEVICE_INFORMATION | INSPECT_APPLICATIONS | SECURITY_QUERIES | MANAGE_APPLICATIONS
