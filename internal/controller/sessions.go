package controller

import (
	"strings"
	"sync"
	"time"

	"awscdk.dev/operator/internal/awsconfig"

	"k8s.io/apimachinery/pkg/types"
)

// sessions are the temporary credentials of objects, one for each, until they
// are about to end.
type sessions struct {
	mu   sync.Mutex
	kept map[types.NamespacedName]keptSession
}

type keptSession struct {
	key  string
	made awsconfig.Session
}

// get returns the session of an object that was made under the same key and
// lasts beyond a time.
func (s *sessions) get(name types.NamespacedName, key string, beyond time.Time) (awsconfig.Credentials, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, ok := s.kept[name]
	if !ok || kept.key != key || !kept.made.Expires.After(beyond) {
		return awsconfig.Credentials{}, false
	}
	return kept.made.Credentials, true
}

func (s *sessions) put(name types.NamespacedName, key string, made awsconfig.Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		s.kept = map[types.NamespacedName]keptSession{}
	}
	s.kept[name] = keptSession{key, made}
}

func (s *sessions) forget(name types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.kept, name)
}

// sessionKey is all of the object that its session depends on: what another one
// of its name asked for is not used for it.
func (p *pass) sessionKey(keys awsconfig.Credentials) string {
	spec := &p.obj.Spec
	return strings.Join([]string{string(p.obj.UID), keys.Digest(), spec.ServiceAccountName, spec.RoleARN, spec.ExternalID, spec.AWSRegion}, "\n")
}
