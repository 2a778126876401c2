package awsconfig

import (
	"context"
	"io"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// plainBody keeps net/http from dropping connections under load.
//
// The SDK closes a request's body as soon as the answer's header is there, and
// its wrapper around the body (smithy-go, NewSafeReadCloser) then answers
// WriteTo with io.EOF, which io.Copy takes for a failure. net/http probes a
// body for surplus bytes after it has sent it; when the answer overtakes the
// probe, net/http believes the request broken and closes the connection while
// the answer is being read: "use of closed network connection". A body without
// WriteTo is probed by Read, where io.EOF is in order.
func plainBody(stack *middleware.Stack) error {
	m := middleware.FinalizeMiddlewareFunc("PlainBody", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		request, ok := in.Request.(*smithyhttp.Request)
		if !ok {
			return next.HandleFinalize(ctx, in)
		}
		if body, ok := request.GetStream().(io.ReadSeeker); ok {
			plain, err := request.SetStream(struct{ io.ReadSeeker }{body})
			if err != nil {
				return middleware.FinalizeOutput{}, middleware.Metadata{}, err
			}
			in.Request = plain
		}
		return next.HandleFinalize(ctx, in)
	})
	return stack.Finalize.Add(m, middleware.After)
}
