package scale

import (
	"fmt"
	"strings"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/test/figures"
)

// failOver measures how long it is from the moment on which the leader is told to
// stop until the standby acts for a user.
func (s *bench) failOver() {
	s.say("starting two managers, of which one leads")
	elect := []string{"--leader-elect", "--leader-election-namespace", "default"}
	leader := s.manage(s.data, elect...)
	s.awaitReady(leader)
	standby := s.manage(s.TempDir(), elect...)
	time.Sleep(5 * time.Second)
	idle := figures.ResidentMiB(s, standby.PID)
	began := time.Now()
	leader.Terminate()
	<-leader.Ended()
	stopped := time.Since(began)
	obj := s.fleet.objects[0]
	s.Patch(s, obj, `{"spec":{"suspend":true}}`)
	s.Until(s, obj, "the standby says that it is suspended", func(o *v1alpha1.CdkTsStack) bool {
		return strings.Contains(o.Status.Message, "suspended")
	})
	s.Note(fmt.Sprintf("orderly fail-over: from SIGTERM until the standby acts (load %s)", figures.Load(s)), time.Since(began).Seconds(), "s", 5)
	s.Note("  until the leader has ended", stopped.Seconds(), "s", -1)
	s.Note("  resident memory of the standby", idle, "MiB", -1)
	standby.Stop(s)
}
