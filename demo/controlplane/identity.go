package controlplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/util/keyutil"
)

// identity is what one control plane is known by; it is made once and kept with the data, so that
// tokens handed out before a restart are good after it.
type identity struct {
	dir               string
	token             string
	tokenFile         string
	serviceAccountKey string
}

// loadIdentity reads the identity kept in dir, and makes what is missing.
func loadIdentity(dir string) (*identity, error) {
	if err := privateDir(dir); err != nil {
		return nil, err
	}
	id := &identity{
		dir:               dir,
		tokenFile:         filepath.Join(dir, "tokens.csv"),
		serviceAccountKey: filepath.Join(dir, "service-account.key"),
	}
	if err := id.loadServiceAccountKey(); err != nil {
		return nil, err
	}
	return id, id.loadToken()
}

func (id *identity) loadServiceAccountKey() error {
	return once(id.serviceAccountKey, func() ([]byte, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		return keyutil.MarshalPrivateKeyToPEM(key)
	})
}

func (id *identity) loadToken() error {
	tokenPath := filepath.Join(id.dir, "admin.token")
	if err := once(tokenPath, func() ([]byte, error) { return []byte(rand.Text()), nil }); err != nil {
		return err
	}
	token, err := os.ReadFile(tokenPath)
	if err != nil {
		return err
	}
	id.token = string(token)
	// The API server's format: token, user, uid, groups.
	return os.WriteFile(id.tokenFile, fmt.Appendf(nil, "%s,admin,admin,system:masters\n", token), 0o600)
}

// once writes what content returns to path, unless the file is there already.
func once(path string, content func() ([]byte, error)) error {
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	data, err := content()
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}
