"""Judges the chains of the conformance suite with cryptography's path validation, and says what stands in each leaf. Prints JSON.

What is Apple's own about these chains (the attested properties, posture, freshness) is not judged here: only whether the bytes are
certificates, and whether a path from leaf to root holds at a given time (RFC 5280 section 6).
"""

import datetime
import json
import plistlib
import sys
from pathlib import Path

from cryptography import x509
from cryptography.x509 import verification

APPLE = "1.2.840.113635.100.8."


def certificates_of(data):
    """The chain of a PEM file or of a DeviceInformation reply; None for a file of another kind."""
    if data.startswith(b"-----BEGIN"):
        return x509.load_pem_x509_certificates(data)
    if data.startswith((b"bplist00", b"<?xml", b"<plist")):
        reply = plistlib.loads(data)
        chain = reply["QueryResponses"]["DevicePropertiesAttestation"]
        return [x509.load_der_x509_certificate(der) for der in chain]
    return None


def verifier(root, at):
    """No rules of the web's own: a leaf names no host, and its extended use is Apple's."""
    ca = verification.ExtensionPolicy.permit_all().require_present(
        x509.BasicConstraints, verification.Criticality.CRITICAL, lambda policy, cert, extension: require_ca(extension)
    ).require_present(
        x509.KeyUsage, verification.Criticality.AGNOSTIC, lambda policy, cert, extension: require_signing(extension)
    )
    leaf = verification.ExtensionPolicy.permit_all().require_present(
        x509.BasicConstraints, verification.Criticality.AGNOSTIC, lambda policy, cert, extension: require_no_ca(extension)
    )
    builder = verification.PolicyBuilder().store(verification.Store([root])).time(at)
    return builder.extension_policies(ca_policy=ca, ee_policy=leaf).build_client_verifier()


def require_ca(extension):
    if not extension.ca:
        raise ValueError("not an authority")


def require_signing(extension):
    if not extension.key_cert_sign:
        raise ValueError("may not sign certificates")


def require_no_ca(extension):
    if extension.ca:
        raise ValueError("the leaf is an authority")


def properties_of(leaf):
    return {e.oid.dotted_string: e.value.value.hex() for e in leaf.extensions if e.oid.dotted_string.startswith(APPLE)}


def judge(data, root, at):
    try:
        chain = certificates_of(data)
    except Exception as error:
        return {"read": False, "error": f"{type(error).__name__}: {error}"}
    if not chain:
        return None
    seen = {"read": True, "certificates": len(chain)}
    try:
        seen["properties"] = properties_of(chain[0])
        seen["serialNumber"] = f"{chain[0].serial_number:x}"
        seen["notAfter"] = chain[0].not_valid_after_utc.isoformat()
        verifier(root, at).verify(chain[0], chain[1:])
        return {**seen, "path": True}
    except Exception as error:
        return {**seen, "path": False, "error": f"{type(error).__name__}: {error}"}


def main(folder):
    folder = Path(folder)
    suite = json.loads((folder / "cases.json").read_text())
    root = x509.load_pem_x509_certificate((folder / suite["root"]).read_bytes())
    verdicts = {}
    for case in suite["cases"]:
        args = case["args"]
        at = args[args.index("--at") + 1] if "--at" in args else suite["at"]
        verdict = judge((folder / case["file"]).read_bytes(), root, datetime.datetime.fromisoformat(at.replace("Z", "+00:00")))
        if verdict is not None:
            verdicts[case["id"]] = verdict
    print(json.dumps(verdicts))


main(sys.argv[1])
