package receiver

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// verdict is how a request ends: what the metrics call it and what the sender
// is told.
type verdict struct {
	outcome string
	status  int
	text    string
	// failure counts against the sender's address.
	failure bool
}

var (
	accepted    = verdict{outcome: "accepted", status: http.StatusAccepted, text: "accepted"}
	alreadySeen = verdict{outcome: "replayed", status: http.StatusOK, text: "already seen"}
	pong        = verdict{outcome: "ping", status: http.StatusOK, text: "pong"}
	ignored     = verdict{outcome: "ignored", status: http.StatusOK, text: "ignored: not a push"}

	malformed    = verdict{outcome: "malformed", status: http.StatusBadRequest, text: "the body is not the JSON that was expected"}
	noRepository = verdict{outcome: "malformed", status: http.StatusUnprocessableEntity, text: "the body names no repository"}
	brokenBody   = verdict{outcome: "malformed", status: http.StatusBadRequest, text: "the body could not be read", failure: true}
	tooSlow      = verdict{outcome: "malformed", status: http.StatusRequestTimeout, text: "the body took too long", failure: true}
	tooLarge     = verdict{outcome: "too_large", status: http.StatusRequestEntityTooLarge, text: "the body is larger than 25 MiB", failure: true}

	noSuchPath      = verdict{outcome: "no_such_path", status: http.StatusNotFound, text: "no such path"}
	notPost         = verdict{outcome: "not_post", status: http.StatusMethodNotAllowed, text: "only POST is answered here"}
	tooManyFailures = verdict{outcome: "limited", status: http.StatusTooManyRequests, text: "too many failures"}
	tooBusy         = verdict{outcome: "busy", status: http.StatusServiceUnavailable, text: "busy"}
	noSecret        = verdict{outcome: "no_secret", status: http.StatusServiceUnavailable, text: "not configured: see the operator's log"}
)

// What may be wrong with the proof of a delivery.
var (
	errNoProof    = errors.New("no signature")
	errWrongProof = errors.New("the signature does not match")
	errStale      = errors.New("the timestamp is not within 5 minutes of now")
)

// refusal is the verdict on a delivery without a right proof.
func refusal(err error) verdict {
	outcome := "refused"
	if errors.Is(err, errStale) {
		outcome = "stale"
	}
	return verdict{outcome: outcome, status: http.StatusUnauthorized, text: err.Error(), failure: true}
}

// outcomes are all that there are, for metrics that begin at 0.
var outcomes = []string{
	accepted.outcome, alreadySeen.outcome, pong.outcome, ignored.outcome, malformed.outcome, tooLarge.outcome,
	notPost.outcome, tooManyFailures.outcome, tooBusy.outcome, noSecret.outcome, "refused", "stale",
}

// answer ends the request. What is left of a body that nobody wanted is not
// read: the connection is closed instead.
func (r *Receiver) answer(w http.ResponseWriter, provider string, v verdict) {
	r.Metrics.count(provider, v.outcome)
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if v.status >= http.StatusBadRequest {
		h.Set("Connection", "close")
	}
	w.WriteHeader(v.status)
	_, _ = io.WriteString(w, v.text+"\n") // the sender may have gone; nothing depends on it
}

// seconds rounds up, as Retry-After wants whole ones.
func seconds(d time.Duration) string {
	return strconv.Itoa(int((d + time.Second - 1) / time.Second))
}
