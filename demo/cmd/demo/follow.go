package main

import (
	"context"
	"fmt"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
)

// follow shows how an object is getting on until done says that it is there. It ends early when
// the operator or the API server dies, or done returns an error.
func (s *stage) follow(ctx context.Context, c cast, limit time.Duration, done func(*v1alpha1.CdkTsStack) (bool, error)) error {
	step := s.screen.newest()
	var last string
	err := within(ctx, limit, c.name, func(ctx context.Context) error {
		for {
			object, err := s.cluster.stack(ctx, c.name)
			if err != nil {
				return err
			}
			if object != nil {
				last = object.Status.Message
				step.say(describe(object))
			}
			if finished, err := done(object); finished || err != nil {
				return err
			}
			if err := s.operator.alive(); err != nil {
				return err
			}
			select {
			case err := <-s.plane.Failed():
				return err
			default:
			}
			if err := pause(ctx, lookEvery); err != nil {
				return err
			}
		}
	})
	if err != nil && last != "" {
		return fmt.Errorf("%w; the object says: %s", err, last)
	}
	return err
}
