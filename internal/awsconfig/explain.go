package awsconfig

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"awscdk.dev/operator/internal/problem"
)

// kinds maps the codes of AWS's services to what they mean to us.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
var kinds = map[string]*problem.Kind{
	"InvalidClientTokenId":        ErrCredentials,
	"InvalidAccessKeyId":          ErrCredentials,
	"UnrecognizedClientException": ErrCredentials,
	"UnrecognizedClient":          ErrCredentials,
	"SignatureDoesNotMatch":       ErrCredentials,
	"InvalidSignatureException":   ErrCredentials,
	"IncompleteSignature":         ErrCredentials,
	"MissingAuthenticationToken":  ErrCredentials,
	"ExpiredToken":                ErrCredentials,
	"ExpiredTokenException":       ErrCredentials,
	"InvalidToken":                ErrCredentials,
	"TokenRefreshRequired":        ErrCredentials,
	"RequestExpired":              ErrCredentials,
	"RequestTimeTooSkewed":        ErrCredentials,
	"InvalidIdentityToken":        ErrCredentials,
	"IDPRejectedClaim":            ErrCredentials,
	"OptInRequired":               ErrCredentials,

	"AccessDenied":           ErrAccessDenied,
	"AccessDeniedException":  ErrAccessDenied,
	"UnauthorizedOperation":  ErrAccessDenied,
	"AuthorizationError":     ErrAccessDenied,
	"NotAuthorized":          ErrAccessDenied,
	"AllAccessDisabled":      ErrAccessDenied,
	"Throttling":             ErrThrottled,
	"ThrottlingException":    ErrThrottled,
	"ThrottledException":     ErrThrottled,
	"RequestLimitExceeded":   ErrThrottled,
	"RequestThrottled":       ErrThrottled,
	"TooManyRequests":        ErrThrottled,
	"SlowDown":               ErrThrottled,
	"BandwidthLimitExceeded": ErrThrottled,

	"RequestThrottledException": ErrThrottled,
	"TooManyRequestsException":  ErrThrottled,

	"ChangeSetNotFound":          ErrNotFound,
	"ChangeSetNotFoundException": ErrNotFound,
	"StackNotFoundException":     ErrNotFound,
	"ParameterNotFound":          ErrNotFound,
	"NoSuchBucket":               ErrNotFound,
	"NoSuchKey":                  ErrNotFound,
	"NotFound":                   ErrNotFound,

	"OperationInProgressException": ErrStackBusy,

	"ValidationError":                   ErrValidation,
	"ValidationException":               ErrValidation,
	"InvalidParameterValue":             ErrValidation,
	"InvalidParameterCombination":       ErrValidation,
	"MalformedQueryString":              ErrValidation,
	"InsufficientCapabilitiesException": ErrValidation,
	"LimitExceededException":            ErrValidation,
	"EntityTooLarge":                    ErrTooLarge,
}

// Explain turns an error of the SDK into an *Error that says what it means.
// Explain(nil) is nil; an *Error stays as it is; a cancelled context stays
// context.Canceled under the same words.
func Explain(doing string, creds Credentials, err error) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*Error](err); ok {
		if known.Doing == "" {
			known = &Error{Kind: known.Kind, Doing: doing, Code: known.Code, Message: known.Message, Err: known.Err}
		}
		return known
	}
	e := &Error{Doing: doing, Err: err}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		explainAnswer(e, api, err)
	} else {
		explainSilence(e, err)
	}
	e.Message = creds.hide(e.Message)
	return e
}

// explainAnswer is for errors that AWS answered with.
func explainAnswer(e *Error, api smithy.APIError, err error) {
	e.Code = api.ErrorCode()
	e.Kind = kinds[e.Code]
	status := httpStatus(err)
	if e.Kind == nil {
		e.Kind = kindOfStatus(status)
	}
	call := calling(err)
	switch e.Kind {
	case ErrCredentials:
		e.Message = refused(e.Code)
	case ErrAccessDenied:
		e.Message = denied(call, api.ErrorMessage())
	case ErrThrottled:
		e.Message = fmt.Sprintf("AWS throttles %s; it is tried again later", call)
	case ErrUnreachable:
		e.Message = fmt.Sprintf("%s failed on AWS's side (HTTP %d, %s); it is tried again later", call, status, e.Code)
	default:
		e.Message = strings.TrimSpace(api.ErrorMessage())
		if e.Message == "" {
			e.Message = fmt.Sprintf("%s was answered with %s (HTTP %d)", call, e.Code, status)
		}
	}
}

func kindOfStatus(status int) *problem.Kind {
	switch {
	case status == 429:
		return ErrThrottled
	case status == 403:
		return ErrAccessDenied
	case status >= 500:
		return ErrUnreachable
	}
	return nil
}

// refused does not repeat AWS's message: that of SignatureDoesNotMatch quotes
// the request's headers, the session token among them.
func refused(code string) string {
	const prefix = "AWS refuses the credentials ("
	switch code {
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired":
		return prefix + code + "): they have expired; put fresh ones into the Secret"
	case "SignatureDoesNotMatch", "InvalidSignatureException":
		return prefix + code + "): AWS_SECRET_ACCESS_KEY does not belong to AWS_ACCESS_KEY_ID; correct the Secret"
	case "RequestExpired", "RequestTimeTooSkewed":
		return prefix + code + "): the node's clock is wrong"
	case "OptInRequired":
		return prefix + code + "): the account is not signed up for this service or region"
	}
	return prefix + code + "): correct AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN in the Secret, or the role of the service account"
}

func denied(call, message string) string {
	message = strings.TrimSpace(message)
	if message == "" || strings.EqualFold(message, "access denied") || strings.EqualFold(message, "forbidden") {
		return "access denied: the credentials may not call " + call
	}
	return "access denied to " + call + ": " + message
}

// explainSilence is for calls that AWS did not answer.
func explainSilence(e *Error, err error) {
	call := calling(err)
	switch {
	case errors.Is(err, context.Canceled):
		e.Message = call + " was cancelled"
	case strings.HasPrefix(call, "ec2imds:"):
		e.Kind = ErrCredentials
		e.Message = "there are no AWS credentials: name a Secret in credentialsSecretName, or give the operator's service account an AWS role"
	case errors.Is(err, context.DeadlineExceeded) || timedOut(err):
		e.Kind = ErrUnreachable
		e.Message = "AWS did not answer " + call + " in time"
	case network(err) != "":
		e.Kind = ErrUnreachable
		e.Message = "AWS cannot be reached for " + call + ": " + network(err)
	default:
		e.Message = innermost(err).Error()
	}
}

func timedOut(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout()
}

// network names the fault of the network in err, "" when there is none.
func network(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return "no address for host " + dns.Name
	}
	if cert, ok := errors.AsType[*x509.UnknownAuthorityError](err); ok {
		return cert.Error()
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Error()
	}
	if send, ok := errors.AsType[*smithyhttp.RequestSendError](err); ok {
		return innermost(send.Err).Error()
	}
	return ""
}

func httpStatus(err error) int {
	if r, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return r.HTTPStatusCode()
	}
	return 0
}

// calling names the innermost call, as in "sts:AssumeRole": a call of
// CloudFormation that fails for want of credentials failed in STS.
func calling(err error) string {
	name := "AWS"
	for {
		op, ok := errors.AsType[*smithy.OperationError](err)
		if !ok {
			return name
		}
		service := strings.ReplaceAll(strings.ToLower(op.Service()), " ", "")
		if service == "elasticloadbalancingv2" {
			service = "elasticloadbalancing" // the one that IAM calls differently
		}
		name = service + ":" + op.Operation()
		err = op.Err
	}
}

func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
