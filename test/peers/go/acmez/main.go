// Obtains a device's certificate over device-attest-01 with mholt/acmez, and tries what must be refused. Prints JSON.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/mholt/acmez/v3/acme"
)

func problem(err error) string {
	var p acme.Problem
	if errors.As(err, &p) {
		return p.Type[strings.LastIndex(p.Type, ":")+1:]
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func key(curve elliptic.Curve) *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	check(err)
	return k
}

func csr(k *ecdsa.PrivateKey, name string) []byte {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, k)
	check(err)
	return der
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	base, identifier, name := os.Args[1], os.Args[2], os.Args[3]
	ctx := context.Background()
	client := &acme.Client{Directory: base + "/acme/directory"}
	account, err := client.NewAccount(ctx, acme.Account{TermsOfServiceAgreed: true, PrivateKey: key(elliptic.P256())})
	check(err)
	order := func(value string) (acme.Order, error) {
		return client.NewOrder(ctx, account, acme.Order{Identifiers: []acme.Identifier{{Type: "permanent-identifier", Value: value}}})
	}
	seen := map[string]any{"account": account.Status}
	_, err = order("C02PEER")
	seen["serialRefused"] = problem(err)
	made, err := order(identifier)
	check(err)
	authz, err := client.GetAuthorization(ctx, account, made.Authorizations[0])
	check(err)
	challenge := authz.Challenges[0]
	seen["challenge"] = challenge.Type
	device := key(elliptic.P384())
	spki, err := x509.MarshalPKIXPublicKey(&device.PublicKey)
	check(err)
	challenge.Payload = map[string]string{"attObj": base64.RawURLEncoding.EncodeToString(spki)}
	answered, err := client.InitiateChallenge(ctx, account, challenge)
	check(err)
	seen["answered"] = answered.Status
	_, err = client.FinalizeOrder(ctx, account, made, csr(key(elliptic.P384()), name))
	seen["foreignKey"] = problem(err)
	done, err := client.FinalizeOrder(ctx, account, made, csr(device, name))
	check(err)
	chains, err := client.GetCertificateChain(ctx, account, done.Certificate)
	check(err)
	block, _ := pem.Decode(chains[0].ChainPEM)
	leaf, err := x509.ParseCertificate(block.Bytes)
	check(err)
	seen["commonName"] = leaf.Subject.CommonName == name
	seen["sameKey"] = device.PublicKey.Equal(leaf.PublicKey)
	_, err = order(identifier)
	seen["codeIsSpent"] = problem(err)
	check(json.NewEncoder(os.Stdout).Encode(seen))
}
