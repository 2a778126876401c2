package fluxsource

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"awscdk.dev/operator/internal/problem"
)

// Limits bound one artifact. Zero values have defaults.
type Limits struct {
	// Download bounds the tarball (512 MiB), Unpacked the sum of its files
	// (2 GiB), both in bytes.
	Download, Unpacked int64
	// Entries bounds the files, folders and links (250,000).
	Entries int
	// Time bounds fetching (5 minutes).
	Time time.Duration
}

func (l Limits) orDefaults() Limits {
	if l.Download <= 0 {
		l.Download = 512 << 20
	}
	if l.Unpacked <= 0 {
		l.Unpacked = 2 << 30
	}
	if l.Entries <= 0 {
		l.Entries = 250_000
	}
	if l.Time <= 0 {
		l.Time = 5 * time.Minute
	}
	return l
}

// maxRedirects is how many redirects on one host are followed.
const maxRedirects = 5

// Fetch puts the artifact's files into dir, which must be empty or missing.
// The tarball is checked against its digest before anything is unpacked, and
// unpacking writes nothing outside of dir. When Fetch fails, dir may hold
// anything. Errors are of this package's kinds.
func Fetch(ctx context.Context, a Artifact, dir string, limits Limits) error {
	if err := a.Validate(); err != nil {
		return err
	}
	limits = limits.orDefaults()
	ctx, cancel := context.WithTimeout(ctx, limits.Time)
	defer cancel()
	above := filepath.Dir(filepath.Clean(dir)) // on the disk that the run may fill
	if err := os.MkdirAll(above, 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(above, ".flux-artifact-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := download(ctx, a, file, limits.Download); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return unpack(ctx, file, dir, limits)
}

func download(ctx context.Context, a Artifact, to io.Writer, limit int64) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL, nil)
	if err != nil {
		return ErrInvalid.New("the Flux artifact's address cannot be used; see the source's status")
	}
	request.Header.Set("User-Agent", "awscdk-operator")
	// The tarball is compressed; it is to come as it is.
	request.Header.Set("Accept-Encoding", "identity")
	response, err := newClient().Do(request)
	if err != nil {
		return explain(ctx, request.URL, err)
	}
	defer response.Body.Close()
	if err := explainStatus(request.URL, response.StatusCode); err != nil {
		return err
	}
	hash, want := a.hasher()
	n, err := io.Copy(io.MultiWriter(to, hash), io.LimitReader(response.Body, limit+1))
	switch {
	case n > limit:
		return ErrTooLarge.New("the Flux artifact is larger than %d MiB; leave files out with spec.ignore of the source", limit>>20)
	case err != nil:
		return explain(ctx, request.URL, err)
	case hex.EncodeToString(hash.Sum(nil)) != want:
		return ErrDigest.New("the Flux artifact is not what its digest %s says; it is fetched again, and if that does not help, see that nothing stands between here and %s", a.Digest, request.URL.Host)
	}
	return nil
}

func newClient() *http.Client {
	return &http.Client{
		CheckRedirect: checkRedirect,
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSHandshakeTimeout:    10 * time.Second,
			ResponseHeaderTimeout:  time.Minute,
			MaxResponseHeaderBytes: 64 << 10,
			DisableKeepAlives:      true,
		},
	}
}

// checkRedirect stays on the host that the source's status names.
func checkRedirect(next *http.Request, via []*http.Request) error {
	from, to := via[0].URL, next.URL
	if to.Scheme != from.Scheme || to.Host != from.Host || len(via) > maxRedirects {
		return ErrRedirect.New("%s redirects to %s://%s, which is not followed", from.Host, to.Scheme, to.Host)
	}
	return nil
}

func explain(ctx context.Context, address *url.URL, err error) error {
	if f, ok := errors.AsType[*problem.Problem](err); ok {
		return f
	}
	if ctx.Err() != nil {
		return ErrUnreachable.Because(ctx.Err(), "%s did not send the Flux artifact in time; it is tried again", address.Host)
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // without the address, which it repeats
	}
	return ErrUnreachable.Because(err, "cannot fetch the Flux artifact from %s: %s; it is tried again. A NetworkPolicy must let the operator reach source-controller", address.Host, printable(err.Error()))
}

func explainStatus(address *url.URL, status int) error {
	switch {
	case status == http.StatusOK:
		return nil
	case status == http.StatusNotFound || status == http.StatusGone:
		return ErrNotFound.New("%s no longer has the Flux artifact (HTTP %d); a newer one has taken its place and is looked up", address.Host, status)
	case status >= 500 || status == http.StatusTooManyRequests:
		return ErrUnreachable.New("%s does not give the Flux artifact at present (HTTP %d); it is tried again", address.Host, status)
	}
	return ErrInvalid.New("%s answers HTTP %d to a request for the Flux artifact; see the source's status", address.Host, status)
}
