package controller_test

import (
	"awscdk.dev/operator/api/v1alpha1"
)

// diesWhileItIsTakenBack is the life of a stack of which one update is cancelled
// while it is monitored, and another is put back by the last good deployment.
func (p *patient) diesWhileItIsTakenBack(kill string) (deaths int) {
	p.Helper()
	p.commit(map[string]any{"Topic": topic("one")})
	obj := p.verified("web")
	p.create(obj)
	deaths += p.dieUntil(kill, func() bool { return ready(p.get("web")) })

	p.edit("web", rollbackSpec(180, v1alpha1.UnhealthyCancel))
	p.is("down")
	bad := p.commit(map[string]any{"Topic": topic("two")})
	deaths += p.dieUntil(kill, func() bool { return takenBack(bad)(p.get("web")) })
	p.onlyOnce("CreateChangeSet", 2)
	p.onlyOnce("ExecuteChangeSet", 2)
	p.onlyOnce("CancelUpdateStack", 1)
	if r := p.get("web").Status.Rollback; r.Method != v1alpha1.MethodCloudFormation || p.shows() != "one" {
		p.Errorf("in service is %q, rollback %+v", p.shows(), r)
	}

	p.edit("web", rollbackSpec(0, v1alpha1.UnhealthyLastGood))
	bad = p.commit(map[string]any{"Topic": topic("three")})
	deaths += p.dieUntil(kill, func() bool { return takenBack(bad)(p.get("web")) })
	p.onlyOnce("CreateChangeSet", 4)
	p.onlyOnce("ExecuteChangeSet", 4)
	p.onlyOnce("CancelUpdateStack", 1)
	if r := p.get("web").Status.Rollback; r.Method != v1alpha1.MethodLastGood || p.shows() != "one" {
		p.Errorf("in service is %q, rollback %+v", p.shows(), r)
	}
	return deaths + p.diesWhileItIsDeleted(kill, obj)
}
