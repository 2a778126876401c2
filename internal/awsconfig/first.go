package awsconfig

import "errors"

// Refused says whether another identity may be allowed what this one is not.
func Refused(err error) bool {
	return errors.Is(err, ErrAccessDenied) || errors.Is(err, ErrCredentials)
}

// First asks as the first of several identities that AWS lets in, and gives who
// that was. When it lets none in, both are of the first: it is the one to have the
// right.
func First[T any](all []T, ask func(T) error) (asked T, err error) {
	for i, one := range all {
		denied := ask(one)
		if i == 0 || !Refused(denied) {
			asked, err = one, denied
		}
		if !Refused(denied) {
			break
		}
	}
	return asked, err
}
