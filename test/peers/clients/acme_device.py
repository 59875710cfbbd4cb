"""Drives an ACME server's device-attest-01 with certbot's client library, and misbehaves a little. Prints what it saw, as JSON."""

import base64
import json
import sys

import josepy as jose
from acme import client, messages
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PERMANENT_IDENTIFIER = messages.IdentifierType("permanent-identifier")


class Raw(jose.JSONDeSerializable):
    def __init__(self, value):
        self.value = value

    def to_partial_json(self):
        return self.value

    @classmethod
    def from_json(cls, jobj):
        return cls(jobj)


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def problem_of(act):
    """The ACME error type of a refused request."""
    try:
        act()
    except messages.Error as error:
        return error.code
    return None


def csr_for(key, common_name):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA384())
    return request.public_bytes(serialization.Encoding.DER)


def main(base, identifier, common_name):
    seen = {}
    account_key = jose.JWKEC(key=ec.generate_private_key(ec.SECP256R1()))
    net = client.ClientNetwork(account_key, alg=jose.ES256)
    directory = client.ClientV2.get_directory(base + "/acme/directory", net)
    acme = client.ClientV2(directory, net)

    account = acme.new_account(messages.NewRegistration.from_data(terms_of_service_agreed=True))
    seen["account"] = account.body.status or "valid"

    def order_for(value, kind=PERMANENT_IDENTIFIER):
        return acme._post(directory["newOrder"], messages.NewOrder(identifiers=[messages.Identifier(typ=kind, value=value)]))

    seen["serialRefused"] = problem_of(lambda: order_for("C02PEER"))
    seen["hostRefused"] = problem_of(lambda: order_for("example.org", messages.IDENTIFIER_FQDN))

    # A nonce that nobody issued: the client hears badNonce, takes a fresh one and tries again (RFC 8555 section 6.5).
    net._nonces.clear()
    net._nonces.add(jose.decode_b64jose("AAAAAAAAAAAAAAAAAAAAAA"))
    order = order_for(identifier)
    seen["orderAfterBadNonce"] = order.status_code
    location = order.headers["Location"]

    def signed(url, nonce=None):
        """A request for the order's address whose JWS names this one."""
        return net._wrap_in_jws(None, nonce or net._get_nonce(url, directory["newNonce"]), url)

    def send(url, body):
        response = net._send_request("POST", url, data=body, headers={"Content-Type": "application/jose+json"})
        net._add_nonce(response)
        return client.ClientNetwork._check_response(response)

    seen["wrongUrl"] = problem_of(lambda: send(location, signed(directory["newOrder"])))
    nonce = net._get_nonce(location, directory["newNonce"])
    seen["firstUseOfNonce"] = send(location, signed(location, nonce)).status_code
    seen["replayedNonce"] = problem_of(lambda: send(location, signed(location, nonce)))
    seen["postAsGet"] = acme._post_as_get(location).json()["status"]
    seen["plainGet"] = net._send_request("GET", location).status_code

    authorization = acme._post_as_get(order.json()["authorizations"][0]).json()
    challenge = authorization["challenges"][0]
    seen["challenge"] = challenge["type"]
    device_key = ec.generate_private_key(ec.SECP384R1())
    spki = device_key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    answered = acme._post(challenge["url"], Raw({"attObj": base64url(spki)}))
    seen["answered"] = answered.json()["status"]
    seen["ready"] = acme._post_as_get(location).json()["status"]

    finalize = order.json()["finalize"]
    foreign = csr_for(ec.generate_private_key(ec.SECP384R1()), common_name)
    seen["foreignKey"] = problem_of(lambda: acme._post(finalize, Raw({"csr": base64url(foreign)})))
    done = acme._post(finalize, Raw({"csr": base64url(csr_for(device_key, common_name))})).json()
    chain = x509.load_pem_x509_certificates(acme._post_as_get(done["certificate"]).content)
    leaf = chain[0]
    leaf.verify_directly_issued_by(chain[1])
    seen["chain"] = len(chain)
    seen["commonName"] = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    seen["sameKey"] = leaf.public_key() == device_key.public_key()
    seen["codeIsSpent"] = problem_of(lambda: order_for(identifier))
    print(json.dumps(seen))


main(*sys.argv[1:])
