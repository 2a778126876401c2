package kube

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// lifetime is how long certificates hold: longer than anybody looks at a cluster that was left up.
const lifetime = 30 * 24 * time.Hour

// authority signs the certificates of a cluster and writes them into its folder.
type authority struct {
	dir  string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

// identity is what a certificate says: who it is of, and the addresses that it serves at.
type identity struct {
	name, user, group string
	hosts             []string
	addresses         []net.IP
}

// identities are those of a control plane and a node, in the words of Kubernetes' own RBAC rules.
func identities() []identity {
	return []identity{
		{
			name: "apiserver", user: "kube-apiserver",
			hosts:     []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
			addresses: []net.IP{net.IPv4(127, 0, 0, 1), net.ParseIP(apiServiceIP), net.ParseIP(nodeAddress)},
		},
		{name: "admin", user: "admin", group: "system:masters"},
		{name: "apiserver-kubelet", user: "kube-apiserver-kubelet-client", group: "system:masters"},
		{name: "kube-controller-manager", user: "system:kube-controller-manager"},
		{name: "kube-scheduler", user: "system:kube-scheduler"},
		{name: "kube-proxy", user: "system:kube-proxy"},
		{name: "kubelet", user: "system:node:" + NodeName, group: "system:nodes", hosts: []string{NodeName}, addresses: []net.IP{net.ParseIP(nodeAddress)}},
	}
}

// makePKI writes the authority ca.crt, NAME.crt and NAME.key of each identity, NAME.kubeconfig of those
// that call the API server, and sa.key and sa.pub, which sign the tokens of service accounts.
func makePKI(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	a, err := newAuthority(dir)
	if err != nil {
		return err
	}
	for _, who := range identities() {
		if err := a.issue(who); err != nil {
			return fmt.Errorf("issue the certificate of %s: %w", who.name, err)
		}
		if err := a.kubeconfig(who.name); err != nil {
			return fmt.Errorf("write the kubeconfig of %s: %w", who.name, err)
		}
	}
	return a.serviceAccountKeys()
}

func newAuthority(dir string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &authority{dir: dir, key: key, cert: &x509.Certificate{
		Subject: pkix.Name{CommonName: "cluster"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}}
	return a, a.sign("ca", a.cert, key)
}

func (a *authority) issue(who identity) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	subject := pkix.Name{CommonName: who.user}
	if who.group != "" {
		subject.Organization = []string{who.group}
	}
	return a.sign(who.name, &x509.Certificate{
		Subject: subject, DNSNames: who.hosts, IPAddresses: who.addresses, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}, key)
}

// sign completes a certificate, and writes it beside its key.
func (a *authority) sign(name string, cert *x509.Certificate, key *ecdsa.PrivateKey) error {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		return err
	}
	cert.SerialNumber, cert.NotBefore, cert.NotAfter = serial, time.Now().Add(-time.Hour), time.Now().Add(lifetime)
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, key.Public(), a.key)
	if err != nil {
		return err
	}
	if err := a.write(name+".crt", "CERTIFICATE", der); err != nil {
		return err
	}
	return a.writeKey(name+".key", key)
}

func (a *authority) writeKey(name string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return a.write(name, "EC PRIVATE KEY", der)
}

func (a *authority) write(name, kind string, der []byte) error {
	return os.WriteFile(filepath.Join(a.dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

func (a *authority) serviceAccountKeys() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	if err := a.write("sa.pub", "PUBLIC KEY", der); err != nil {
		return err
	}
	return a.writeKey("sa.key", key)
}

func (a *authority) kubeconfig(name string) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["cluster"] = &clientcmdapi.Cluster{Server: serverURL, CertificateAuthority: filepath.Join(a.dir, "ca.crt")}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{
		ClientCertificate: filepath.Join(a.dir, name+".crt"), ClientKey: filepath.Join(a.dir, name+".key"),
	}
	config.Contexts["cluster"] = &clientcmdapi.Context{Cluster: "cluster", AuthInfo: name}
	config.CurrentContext = "cluster"
	if err := clientcmdapi.FlattenConfig(config); err != nil {
		return err
	}
	return clientcmd.WriteToFile(*config, filepath.Join(a.dir, name+".kubeconfig"))
}
