package wire

import (
	"fmt"
	"net/http"
)

// Error is an error as AWS reports it: a code that clients tell apart, a
// message for people, and an HTTP status.
type Error struct {
	Code    string
	Message string
	Status  int
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Errorf makes a client error (HTTP 400) with the given code.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Status: http.StatusBadRequest}
}

// Invalid makes the ValidationError that CloudFormation answers most mistakes with.
func Invalid(format string, args ...any) *Error { return Errorf("ValidationError", format, args...) }

// NotFound makes a client error with HTTP status 404.
func NotFound(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Status: http.StatusNotFound}
}

// NotImplemented makes the loud refusal of something this endpoint does not do.
func NotImplemented(service, action string) *Error {
	return &Error{
		Code:    "NotImplemented",
		Message: fmt.Sprintf("the local AWS does not implement %s:%s", service, action),
		Status:  http.StatusNotImplemented,
	}
}
