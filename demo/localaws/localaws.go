// Package localaws is a local AWS: one HTTP endpoint that behaves like the
// parts of AWS which the CDK toolchain and the operator use, with real stacks,
// rollbacks and drift, and no cost. README.md lists what it does not do.
package localaws

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"awscdk.dev/operator/demo/localaws/cfn"
	"awscdk.dev/operator/demo/localaws/cloud"
	"awscdk.dev/operator/demo/localaws/control"
	"awscdk.dev/operator/demo/localaws/objects"
	"awscdk.dev/operator/demo/localaws/services"
	"awscdk.dev/operator/demo/localaws/wire"
)

// Config says how a local AWS behaves. The zero value is ready for tests:
// account 123456789012, any access key, nothing takes time.
type Config struct {
	// Account is the account of access keys that Credentials doesn't name.
	Account string
	// Credentials are the access keys there are and their accounts. If it is
	// empty every key is accepted, except those that start with "INVALID" or
	// "EXPIRED", which get AWS's errors for such keys.
	Credentials map[string]string
	// Speed is how fast resources are made: 1 takes 10 to 200 ms each, 2 half
	// of that, 0 no time at all. A minute of a rollout is a second then, half of
	// one, or no time.
	Speed float64
	// URL is the address that clients use; from the first request if empty.
	URL string
	// Log gets a line for each refused call; nobody if nil.
	Log io.Writer
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Server is a running local AWS.
type Server struct {
	// Cloud is what exists.
	Cloud *cloud.Cloud
	// CloudFormation runs the stacks.
	CloudFormation *cfn.Service
	// Control has the journal of calls, faults and throttles.
	Control *control.Control

	config  Config
	admin   http.Handler
	address sync.Once
	log     sync.Mutex
}

// New makes an empty local AWS. Serve it with net/http, and Close it.
func New(config Config) *Server {
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Account == "" {
		config.Account = "123456789012"
	}
	c := cloud.New(config.Now)
	if config.Speed > 0 {
		c.SetMinute(time.Duration(float64(time.Second) / config.Speed))
	}
	s := &Server{Cloud: c, CloudFormation: cfn.New(c, config.Speed), Control: control.New(config.Now), config: config}
	s.CloudFormation.Fault = s.resourceFault
	s.admin = s.adminRoutes()
	if config.URL != "" {
		s.address.Do(func() { c.SetEndpoint(config.URL) })
	}
	return s
}

// Close abandons running stack operations and waits for them to end.
func (s *Server) Close() { s.CloudFormation.Close() }

// maxBody bounds a request, in bytes.
const maxBody = 256 << 20

// ServeHTTP answers one AWS call, or one of the endpoint's own under /_localaws/.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.address.Do(func() { s.Cloud.SetEndpoint("http://" + r.Host) })
	if strings.HasPrefix(r.URL.Path, "/_localaws/") {
		s.admin.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "read body: "+err.Error(), http.StatusBadRequest)
		return
	}
	call := wire.Parse(r, body, cloud.UUID())
	switch call.Service {
	case "s3":
		call.Action = objects.Action(r)
	case "lambda":
		call.Action = services.LambdaAction(r)
	}
	recorder := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	result, err := s.answer(r, call)
	if !errors.Is(err, errHung) {
		call.Respond(recorder, result, err)
	}
	s.note(call, recorder.status, err)
}

var errHung = errors.New("call left unanswered")

// answer authenticates the call, lets it meet its faults, and handles it.
func (s *Server) answer(r *http.Request, call *wire.Call) (any, error) {
	if err := s.authenticate(call); err != nil {
		return nil, err
	}
	if s.Control.Throttled(call.Service, call.Action) {
		return nil, throttled(call)
	}
	fault := s.Control.Take(call.Service, call.Action, target(call))
	if fault == nil {
		return s.dispatch(call)
	}
	if fault.Hang {
		<-r.Context().Done()
		return nil, errHung
	}
	if d, err := time.ParseDuration(fault.Latency); err == nil {
		select {
		case <-time.After(d):
		case <-r.Context().Done():
			return nil, errHung
		}
	}
	failure := fault.Error()
	if failure == nil || fault.After {
		result, err := s.dispatch(call)
		if failure == nil || err != nil {
			return result, err
		}
	}
	return nil, failure
}

// throttled is the error that the service gives when it is called too often.
func throttled(call *wire.Call) error {
	switch {
	case call.Service == "s3":
		return &wire.Error{Code: "SlowDown", Message: "Please reduce your request rate.", Status: http.StatusServiceUnavailable}
	case call.Protocol == wire.Query:
		return wire.Errorf("Throttling", "Rate exceeded")
	}
	return wire.Errorf("ThrottlingException", "Rate exceeded")
}

func (s *Server) dispatch(call *wire.Call) (any, error) {
	switch call.Service {
	case "cloudformation":
		return s.CloudFormation.Handle(call)
	case "s3":
		return objects.Handle(s.Cloud, call)
	}
	return services.Handle(s.Cloud, call)
}

// authenticate finds the account of the access key. Signatures are not checked.
func (s *Server) authenticate(call *wire.Call) error {
	call.Account = s.config.Account
	if call.Action == "AssumeRoleWithWebIdentity" {
		return nil
	}
	if session, ok := s.Cloud.SessionOf(call.AccessKey); ok {
		call.Account = session.Account
		return checkSession(call, session, s.Cloud.Now())
	}
	if account, ok := s.config.Credentials[call.AccessKey]; ok {
		call.Account = account
		return nil
	}
	switch {
	case strings.HasPrefix(call.AccessKey, "EXPIRED"):
		return denied(call, "ExpiredToken", "The security token included in the request is expired")
	case strings.HasPrefix(call.AccessKey, "INVALID"), len(s.config.Credentials) > 0:
		return denied(call, "InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	return nil
}

// checkSession refuses temporary keys that have ended, or come without the token
// that belongs to them.
func checkSession(call *wire.Call, session cloud.Session, now time.Time) error {
	switch {
	case call.Token != session.Token:
		return denied(call, "InvalidClientTokenId", "The security token included in the request is invalid.")
	case now.After(session.Expires):
		return denied(call, "ExpiredToken", "The security token included in the request is expired")
	}
	return nil
}

func denied(call *wire.Call, code, message string) error {
	switch {
	case call.Service == "s3" && code == "InvalidClientTokenId":
		code, message = "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."
	case call.Protocol == wire.JSON && code == "InvalidClientTokenId":
		code = "UnrecognizedClientException"
	case call.Protocol == wire.JSON:
		code = "ExpiredTokenException"
	}
	return &wire.Error{Code: code, Message: message, Status: http.StatusForbidden}
}

// resourceFault lets CloudFormation's work on resources meet faults of the
// service "resource" with actions such as "AWS::SNS::Topic:Create".
func (s *Server) resourceFault(typ, operation string) error {
	fault := s.Control.Take("resource", typ+":"+operation, typ)
	if fault == nil {
		return nil
	}
	if d, err := time.ParseDuration(fault.Latency); err == nil {
		time.Sleep(d)
	}
	return fault.Error()
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
