// Package cloud holds what exists in the local AWS: resources by account,
// region, type and physical ID, and the objects in buckets. CloudFormation and
// the service APIs work on the same state, so a change made with the aws CLI
// is drift and a deleted bucket is gone for everybody.
package cloud

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Place is an account and a region.
type Place struct{ Account, Region string }

// Resource is one thing that exists. Props are its properties in
// CloudFormation's words; Attrs are facts fixed when it was created.
type Resource struct {
	Type    string
	ID      string
	Place   Place
	Props   map[string]any
	Attrs   map[string]any
	Tags    map[string]string // given by the stack, beside those in Props
	Created time.Time
	Changed time.Time
	StackID string // the stack that made it, "" if an API call did
	Logical string // its logical ID in that stack
}

// Errors that callers tell apart.
var (
	ErrNotFound = errors.New("does not exist")
	ErrExists   = errors.New("already exists")
	ErrNotEmpty = errors.New("is not empty")
)

type key struct {
	place   Place
	typ, id string
}

// Cloud is everything that exists. Its methods may be called from many goroutines.
type Cloud struct {
	mu       sync.Mutex
	now      func() time.Time
	things   map[key]*Resource
	objects  map[string]map[string]*Object
	uploads  map[string]*upload
	failures map[string]int
	sessions map[string]Session // by access key
	issuers  map[string][]byte  // keys by issuer
	costs    map[string][]Cost  // by account
	endpoint string

	deployments map[string]*ServiceDeployment // by ARN
	order       []string                      // of their ARNs, as they began
	shifts      []*AliasShift
	holds       map[string]string // where tests keep rollouts, by service or alias
	minute      time.Duration     // of a rollout
}

// New makes an empty cloud that reads the time from now.
func New(now func() time.Time) *Cloud {
	return &Cloud{
		now:      now,
		things:   map[key]*Resource{},
		objects:  map[string]map[string]*Object{},
		uploads:  map[string]*upload{},
		failures: map[string]int{},
		sessions: map[string]Session{},
		issuers:  map[string][]byte{},
		costs:    map[string][]Cost{},

		deployments: map[string]*ServiceDeployment{},
		holds:       map[string]string{},
	}
}

// Now is the cloud's time, in UTC.
func (c *Cloud) Now() time.Time { return c.now().UTC() }

// SetEndpoint says at which URL clients reach this cloud; queue URLs contain it.
func (c *Cloud) SetEndpoint(url string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endpoint = url
}

// Spec says what to create.
type Spec struct {
	Type    string
	Place   Place
	Stack   string // the name of the stack, part of generated names
	StackID string
	Logical string
	Props   map[string]any
	Tags    map[string]string
}

// Create makes a resource. An explicit name that is taken is ErrExists.
func (c *Cloud) Create(spec Spec) (Resource, error) {
	t, ok := Types[spec.Type]
	if !ok {
		return Resource{}, fmt.Errorf("create %s: unrecognized resource type", spec.Type)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &Resource{
		Type: spec.Type, Place: spec.Place, Props: Clone(spec.Props), Attrs: map[string]any{},
		Tags: maps.Clone(spec.Tags), Created: c.Now(), Changed: c.Now(), StackID: spec.StackID,
		Logical: spec.Logical,
	}
	if err := t.required(r.Props); err != nil {
		return Resource{}, err
	}
	r.ID = t.identify(c, spec, r)
	k := key{t.home(spec.Place), spec.Type, r.ID}
	if owner, taken := c.things[k]; taken {
		return Resource{}, alreadyExists(r.ID, owner)
	}
	if err := t.run(c, Creating, r, r.Props); err != nil {
		return *r, err
	}
	c.things[k] = r
	return r.clone(), nil
}

func alreadyExists(id string, owner *Resource) error {
	if owner.StackID != "" {
		return awsErrorf("%s %w in stack %s", id, ErrExists, owner.StackID)
	}
	return awsErrorf("%s %w", id, ErrExists)
}

// Update gives an existing resource new properties; phase is Updating or RollingBack.
func (c *Cloud) Update(phase Phase, spec Spec, id string) (Resource, error) {
	t := Types[spec.Type]
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.things[key{t.home(spec.Place), spec.Type, id}]
	if !ok {
		return Resource{}, awsErrorf("%s %s %w", spec.Type, id, ErrNotFound)
	}
	if err := t.required(spec.Props); err != nil {
		return Resource{}, err
	}
	if err := t.run(c, phase, r, spec.Props); err != nil {
		return Resource{}, err
	}
	r.Props, r.Tags, r.Changed = Clone(spec.Props), maps.Clone(spec.Tags), c.Now()
	return r.clone(), nil
}

// Delete removes a resource; one that is already gone is no error.
func (c *Cloud) Delete(phase Phase, place Place, typ, id string) error {
	t := Types[typ]
	c.mu.Lock()
	defer c.mu.Unlock()
	k := key{t.home(place), typ, id}
	r, ok := c.things[k]
	if !ok {
		return nil
	}
	if err := t.run(c, phase, r, r.Props); err != nil {
		return err
	}
	delete(c.things, k)
	return nil
}

// Get returns a copy of a resource.
func (c *Cloud) Get(place Place, typ, id string) (Resource, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.get(place, typ, id)
	if !ok {
		return Resource{}, false
	}
	return r.clone(), true
}

func (c *Cloud) get(place Place, typ, id string) (*Resource, bool) {
	r, ok := c.things[key{Types[typ].home(place), typ, id}]
	return r, ok
}

// List returns copies of all resources of a type in a place, by ID.
func (c *Cloud) List(place Place, typ string) []Resource {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.list(place, typ)
}

func (c *Cloud) list(place Place, typ string) []Resource {
	var out []Resource
	for k, r := range c.things {
		if k.typ == typ && k.place == Types[typ].home(place) {
			out = append(out, r.clone())
		}
	}
	slices.SortFunc(out, func(a, b Resource) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Change lets edit alter a resource's properties, as a service API does.
func (c *Cloud) Change(place Place, typ, id string, edit func(r *Resource) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.get(place, typ, id)
	if !ok {
		return awsErrorf("%s %s %w", typ, id, ErrNotFound)
	}
	if err := edit(r); err != nil {
		return err
	}
	r.Changed = c.Now()
	return nil
}

// All returns copies of everything that exists, for the state dump.
func (c *Cloud) All() []Resource {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]Resource, 0, len(c.things))
	for _, r := range c.things {
		out = append(out, r.clone())
	}
	slices.SortFunc(out, func(a, b Resource) int {
		return cmp.Or(cmp.Compare(a.Place.Account, b.Place.Account), cmp.Compare(a.Place.Region, b.Place.Region),
			cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
	})
	return out
}

func (r *Resource) clone() Resource {
	out := *r
	out.Props, out.Attrs, out.Tags = Clone(r.Props), Clone(r.Attrs), maps.Clone(r.Tags)
	return out
}
