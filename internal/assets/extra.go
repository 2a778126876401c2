package assets

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"awscdk.dev/operator/internal/regular"
)

// Extra is an object that no assembly asks for.
type Extra struct {
	// Name is what people call it.
	Name string
	// Key is a digest of the content: an object that is there is the same.
	Key  string
	Data []byte
	// Manifests are those of the assembly. The object goes where, and as whom,
	// they publish the template, or else their first asset; without any asset
	// to the bucket that `cdk bootstrap` makes with the Qualifier.
	Manifests []string
	// Root is that of Request.
	Root      string
	Qualifier string
	Target    Target
}

// PublishBeside publishes an object beside the assets of an assembly. One that
// is there already is not uploaded again.
func (p *Publisher) PublishBeside(ctx context.Context, e Extra) (done Published, err error) {
	to, err := e.destination()
	if err != nil {
		return Published{}, err
	}
	dir, err := os.MkdirTemp(p.options.TempDir, "extra-")
	if err != nil {
		return Published{}, fmt.Errorf("publish %s: %w", e.Name, err)
	}
	defer os.RemoveAll(dir)
	j := job{name: e.Name, root: dir, path: "object" + filepath.Ext(e.Key), destination: to}
	if err := regular.Write(filepath.Join(dir, j.path), e.Data); err != nil {
		return Published{}, fmt.Errorf("publish %s: %w", e.Name, err)
	}
	target, err := p.complete(ctx, e.Target, []job{j})
	if err != nil {
		return Published{}, err
	}
	done, _, err = p.publish(ctx, target, j)
	return done, err
}

// destination is the place of the object.
func (e Extra) destination() (destination, error) {
	var jobs []job
	for _, path := range e.Manifests {
		m, err := readManifest(path)
		if err != nil {
			return destination{}, err
		}
		found, err := m.jobs(e.Root)
		if err != nil {
			return destination{}, err
		}
		jobs = append(jobs, found...)
	}
	to := destination{BucketName: bootstrapBucket(e.Qualifier)}
	if len(jobs) > 0 {
		to = jobs[max(slices.IndexFunc(jobs, job.isTemplate), 0)].destination
	}
	to.ObjectKey = e.Key
	return to, nil
}
