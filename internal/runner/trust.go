package runner

import (
	"fmt"
	"os"
	"path/filepath"

	"awscdk.dev/operator/internal/git"
	"awscdk.dev/operator/internal/regular"
	"awscdk.dev/operator/internal/run"
)

const nodeCertificates = "NODE_EXTRA_CA_CERTS"

// trustForNode lets Node.js, and with it npm and the CDK, know the authorities
// that SSL_CERT_FILE and SSL_CERT_DIR name: it has its own list and heeds
// neither. What the operator says for Node.js itself stays.
func trustForNode(dir run.Dir) error {
	if os.Getenv(nodeCertificates) != "" {
		return nil
	}
	roots := git.Roots(os.Getenv, false)
	if len(roots) == 0 {
		return nil
	}
	path := filepath.Join(dir.State(), "authorities.pem")
	if err := regular.Write(path, roots); err != nil {
		return fmt.Errorf("write the authorities for Node.js: %w", err)
	}
	return os.Setenv(nodeCertificates, path)
}
