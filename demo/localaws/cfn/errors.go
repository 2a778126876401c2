package cfn

import "fmt"

// awsErrorf makes an error whose text users know from AWS, capitals and full
// stops included.
func awsErrorf(format string, args ...any) error { return fmt.Errorf(format, args...) }
