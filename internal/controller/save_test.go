package controller

import (
	"testing"
	"time"

	"awscdk.dev/operator/api/v1alpha1"
	"awscdk.dev/operator/internal/decide"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

// The patch of a drift check that finds what it found before is as small as can
// be, whatever else the status holds.
func TestTheStatusIsSavedAsWhatChanged(t *testing.T) {
	at := func(minute int) *metav1.Time {
		t := metav1.NewTime(time.Date(2026, 3, 2, 9, minute, 0, 0, time.UTC))
		return &t
	}
	was := v1alpha1.CdkTsStackStatus{
		Phase: v1alpha1.PhaseSucceeded, History: make([]v1alpha1.HistoryEntry, 20), Outputs: map[string]string{"Kept": "1", "Gone": "2"},
		Drift: &v1alpha1.DriftStatus{CheckedAt: at(0), AttemptedAt: at(0), Error: "access denied"}, LastDriftCheck: v1alpha1.NewTime(*at(0)),
	}
	for name, c := range map[string]struct {
		change func(*v1alpha1.CdkTsStackStatus)
		want   string
	}{
		"another drift check": {func(s *v1alpha1.CdkTsStackStatus) {
			s.Drift.CheckedAt, s.Drift.AttemptedAt, s.LastDriftCheck = at(10), at(10), v1alpha1.NewTime(*at(10))
		}, `{"drift":{"attemptedAt":"2026-03-02T09:10:00Z","checkedAt":"2026-03-02T09:10:00Z"},"lastDriftCheck":"2026-03-02T09:10:00Z"}`},
		"what is gone is removed": {func(s *v1alpha1.CdkTsStackStatus) {
			s.Drift.Error = ""
			delete(s.Outputs, "Gone")
			s.History = nil
		}, `{"drift":{"error":null},"history":null,"outputs":{"Gone":null}}`},
		"a list is sent whole": {func(s *v1alpha1.CdkTsStackStatus) {
			s.Conditions = []metav1.Condition{{Type: "Ready", LastTransitionTime: *at(0)}}
		}, `{"conditions":[{"lastTransitionTime":"2026-03-02T09:00:00Z","message":"","reason":"","status":"","type":"Ready"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			is := was.DeepCopy()
			c.change(is)
			got, err := statusPatch("7", &was, is)
			if want := `{"metadata":{"resourceVersion":"7"},"status":` + c.want + `}`; err != nil || string(got) != want {
				t.Errorf("the patch is\n%s, %v, want\n%s", got, err, want)
			}
		})
	}
}

// A plan that waits is of a stack that no younger object may deploy, in whatever
// shard that is.
func TestAPlanThatWaitsIsSeenByRivals(t *testing.T) {
	object := func(uid types.UID, age time.Duration) *v1alpha1.CdkTsStack {
		o := &v1alpha1.CdkTsStack{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: string(uid), UID: uid, CreationTimestamp: metav1.NewTime(time.Now().Add(-age))}}
		o.Labels = map[string]string{v1alpha1.ShardLabel: "green"}
		return o
	}
	older, younger := object("older", time.Hour), object("younger", time.Minute)
	older.Status.Held = &v1alpha1.Operation{
		ID: "cdk-deploy-1", Kind: v1alpha1.OperationDeploy, Step: v1alpha1.StepPlanning,
		Plan: &v1alpha1.Plan{StackName: "Shared", Account: "111122223333", Region: "us-east-1"},
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for _, shard := range []string{"green", "blue"} {
		kept, err := strip(shard)(older.DeepCopy())
		if err != nil {
			t.Fatal(err)
		}
		c := fake.NewClientBuilder().WithScheme(scheme).WithIndex(&v1alpha1.CdkTsStack{}, placeIndex, placesOf).WithObjects(kept.(client.Object)).Build()
		r := New(Options{Client: c})
		rival := r.rival(t.Context(), younger, "", decide.Place{StackName: "Shared", Account: "111122223333", Region: "us-east-1"})
		if rival.Err != nil || rival.Name != "default/older" {
			t.Errorf("the manager of %s knows of the rival %+v", shard, rival)
		}
	}
}

// A check in flight is of one object: another of its name, or one that a person
// gave another operation, has none.
func TestACheckThatIsNotSavedBelongsToOneObject(t *testing.T) {
	object := func(uid types.UID, op *v1alpha1.Operation) *v1alpha1.CdkTsStack {
		o := &v1alpha1.CdkTsStack{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: uid}}
		o.Status.Operation = op
		return o
	}
	check := &v1alpha1.Operation{ID: "cdk-drift-1", Kind: v1alpha1.OperationDriftCheck, Step: v1alpha1.StepDetecting}
	deployment := &v1alpha1.Operation{ID: "cdk-deploy-1", Kind: v1alpha1.OperationDeploy, Step: v1alpha1.StepBuilding}
	for name, test := range map[string]struct {
		read *v1alpha1.CdkTsStack
		want string
	}{
		"the same object":          {object("u1", nil), check.ID},
		"another of that name":     {object("u2", nil), ""},
		"it is deployed meanwhile": {object("u1", deployment), deployment.ID},
	} {
		var c checks
		c.hold(object("u1", check))
		if c.resume(test.read); (test.want == "") != (test.read.Status.Operation == nil) || test.want != "" && test.read.Status.Operation.ID != test.want {
			t.Errorf("%s: the operation is %+v, want %q", name, test.read.Status.Operation, test.want)
		}
	}
	var c checks
	c.hold(object("u1", check))
	c.hold(object("u1", deployment))
	again := object("u1", nil)
	if c.resume(again); again.Status.Operation != nil {
		t.Error("a check is remembered that a deployment took the place of")
	}
}

// kept is a manager with an object that the API server has, which knows nothing
// of what the manager remembers.
type kept struct {
	*testing.T
	*Reconciler
}

func keep(t *testing.T, op *v1alpha1.Operation, hooks v1alpha1.LifecycleHooks) kept {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	obj := &v1alpha1.CdkTsStack{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "u1"}}
	obj.Spec.LifecycleHooks, obj.Status.Operation = &hooks, op
	c := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(obj).WithObjects(obj).Build()
	return kept{t, New(Options{Client: c, Live: c})}
}

// stored is the operation that the API server has.
func (k kept) stored() *v1alpha1.Operation {
	k.Helper()
	var obj v1alpha1.CdkTsStack
	if err := k.Live.Get(k.Context(), types.NamespacedName{Namespace: "default", Name: "web"}, &obj); err != nil {
		k.Fatal(err)
	}
	return obj.Status.Operation
}

// pass reads the object and saves what becomes of it.
func (k kept) pass(change func(*v1alpha1.CdkTsStackStatus)) *v1alpha1.CdkTsStack {
	k.Helper()
	obj, err := k.read(k.Context(), types.NamespacedName{Namespace: "default", Name: "web"})
	if err != nil {
		k.Fatal(err)
	}
	status := obj.Status.DeepCopy()
	change(status)
	if err := k.save(k.Context(), obj, *status); err != nil {
		k.Fatal(err)
	}
	return obj
}

// hooks edits the hooks of the object's drift checks.
func (k kept) hooks(hooks v1alpha1.LifecycleHooks) {
	k.Helper()
	var obj v1alpha1.CdkTsStack
	if err := k.Live.Get(k.Context(), types.NamespacedName{Namespace: "default", Name: "web"}, &obj); err != nil {
		k.Fatal(err)
	}
	obj.Spec.LifecycleHooks = &hooks
	if err := k.Client.Update(k.Context(), &obj); err != nil {
		k.Fatal(err)
	}
}

func detecting() *v1alpha1.Operation {
	at := metav1.NewTime(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC))
	return &v1alpha1.Operation{ID: "cdk-drift-1", Kind: v1alpha1.OperationDriftCheck, Step: v1alpha1.StepDetecting, StartedAt: at, StepStartedAt: at, DetectionID: "d"}
}

var bothHooks = v1alpha1.LifecycleHooks{BeforeDriftDetection: ":", AfterDriftDetection: ":"}

func nothing(*v1alpha1.CdkTsStackStatus) {}

func ends(st *v1alpha1.CdkTsStackStatus) { st.Operation = nil }

func TestACheckThatWasNotSavedIsSavedWholeWithItsHooks(t *testing.T) {
	k := keep(t, nil, v1alpha1.LifecycleHooks{})
	k.pass(func(st *v1alpha1.CdkTsStackStatus) { st.Operation = detecting() })
	if op := k.stored(); op != nil {
		t.Fatalf("the check is saved: %+v", op)
	}
	k.hooks(bothHooks)
	k.pass(func(st *v1alpha1.CdkTsStackStatus) { st.Operation.Step = v1alpha1.StepAfterHook })
	want := detecting()
	want.Step = v1alpha1.StepAfterHook
	if op := k.stored(); !equality.Semantic.DeepEqual(op, want) {
		t.Errorf("the API server has %+v, want %+v", op, want)
	}
	if k.pass(ends); k.stored() != nil {
		t.Errorf("the check has ended, and the API server has %+v", k.stored())
	}
}

func TestASavedCheckEndsThoughItWouldNotBeSavedNow(t *testing.T) {
	for name, begin := range map[string]func() kept{
		"its hook is removed": func() kept {
			k := keep(t, detecting(), bothHooks)
			k.pass(nothing)
			k.hooks(v1alpha1.LifecycleHooks{})
			return k
		},
		"an earlier version saved it": func() kept { return keep(t, detecting(), v1alpha1.LifecycleHooks{}) },
	} {
		t.Run(name, func(t *testing.T) {
			if k := begin(); k.pass(ends).Status.Operation != nil || k.stored() != nil {
				t.Errorf("it ends at once, and the API server has %+v", k.stored())
			}
			k := begin()
			if goes := k.pass(nothing); goes.Status.Operation == nil || k.stored() != nil {
				t.Errorf("it goes on as %+v, and the API server has %+v", goes.Status.Operation, k.stored())
			}
			if again := k.pass(nothing); !equality.Semantic.DeepEqual(again.Status.Operation, detecting()) {
				t.Errorf("it goes on in the next pass as %+v", again.Status.Operation)
			}
			k.pass(ends)
			if again := k.pass(nothing); again.Status.Operation != nil || k.stored() != nil {
				t.Errorf("it ended, and is %+v again", again.Status.Operation)
			}
		})
	}
}

// The answer to a write is lost: what is remembered is saved by then.
func TestAnOperationThatIsSavedIsNotTakenForARememberedOne(t *testing.T) {
	hooked := detecting()
	hooked.Step = v1alpha1.StepAfterHook
	k := keep(t, hooked, bothHooks)
	remembered := &v1alpha1.CdkTsStack{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "u1"}}
	remembered.Status.Operation = detecting()
	k.checks.hold(remembered)
	if k.pass(ends); k.stored() != nil {
		t.Errorf("it ended, and the API server has %+v", k.stored())
	}
}
