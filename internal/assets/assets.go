// Package assets publishes what a cloud assembly needs in S3: templates and
// file assets, as the assembly's *.assets.json files say. It runs in a runner
// and starts no process.
package assets

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"awscdk.dev/operator/internal/awsconfig"
)

const (
	// DefaultParallel is how many assets are published at once.
	DefaultParallel = 6
	// MaxTemplate is the largest template that CloudFormation takes from S3,
	// in bytes.
	// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
	MaxTemplate = 1 << 20
	// maxObject is the largest object that one PutObject takes.
	maxObject = 5 << 30
)

// Options of a Publisher.
type Options struct {
	// Now is the clock; required.
	Now func() time.Time
	// Log is where warnings go; nil drops them.
	Log *slog.Logger
	// TempDir is where zip files are made, "" for the system's.
	TempDir string
	// Parallel is how many assets are published at once, 0 for the default.
	Parallel int
}

// Target is where to publish to, and as whom.
type Target struct {
	Credentials awsconfig.Credentials
	Region      string
	// Account is asked from STS when it is "".
	Account string
	// Partition follows from the region when it is "".
	Partition string
}

// Request is what to publish.
type Request struct {
	// Manifests are paths of *.assets.json files.
	Manifests []string
	// Root is the folder that the sources of assets must be in, however the
	// links in it are followed; "" is the folder of each manifest.
	Root   string
	Target Target
}

// Published is one asset in one bucket.
type Published struct {
	// Name is what the app calls the asset, for people.
	Name   string
	Bucket string
	Key    string
	Region string
	// Bytes is the size of what was uploaded, 0 of what was there.
	Bytes int64
}

// Report is what was done.
type Report struct {
	Uploaded []Published
	// Skipped was there already: the key is a digest of the content.
	Skipped []Published
}

// Publisher publishes. It is safe for concurrent use.
type Publisher struct {
	options Options
	loader  *awsconfig.Loader

	mu      sync.Mutex
	clients map[clientKey]*client
}

// New makes a Publisher. It honours AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_S3.
func New(options Options) *Publisher {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Parallel <= 0 {
		options.Parallel = DefaultParallel
	}
	return &Publisher{
		options: options,
		// Much patience: a run that fails is a build to be made again.
		loader:  awsconfig.NewLoader(awsconfig.Options{Now: options.Now, Log: options.Log, Attempts: 8}),
		clients: make(map[clientKey]*client),
	}
}

// Publish uploads every asset that is not in its bucket yet. What cannot be
// published (ErrUnsupported, ErrTooLarge) is found before anything is sent.
// When one upload fails the others are given up; what has been uploaded stays
// and is skipped the next time. Publishing twice uploads once.
func (p *Publisher) Publish(ctx context.Context, r Request) (Report, error) {
	var jobs []job
	for _, path := range r.Manifests {
		m, err := readManifest(path)
		if err != nil {
			return Report{}, err
		}
		found, err := m.jobs(r.Root)
		if err != nil {
			return Report{}, err
		}
		jobs = append(jobs, found...)
	}
	if err := checkSizes(jobs); err != nil {
		return Report{}, err
	}
	target, err := p.complete(ctx, r.Target, jobs)
	if err != nil {
		return Report{}, err
	}
	return p.publishAll(ctx, target, unique(jobs, target))
}

func (p *Publisher) publishAll(ctx context.Context, t Target, jobs []job) (Report, error) {
	var report Report
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(p.options.Parallel)
	for _, j := range jobs {
		group.Go(func() error {
			done, uploaded, err := p.publish(ctx, t, j)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if uploaded {
				report.Uploaded = append(report.Uploaded, done)
			} else {
				report.Skipped = append(report.Skipped, done)
			}
			return nil
		})
	}
	err := group.Wait()
	report.sort()
	return report, err
}

// publish sees to one asset in one bucket.
func (p *Publisher) publish(ctx context.Context, t Target, j job) (done Published, uploaded bool, err error) {
	d := j.destination.resolve(t)
	done = Published{Name: j.name, Bucket: d.BucketName, Key: d.ObjectKey, Region: d.Region}
	c, err := p.client(ctx, t, d)
	if err != nil {
		return done, false, err
	}
	there, err := c.has(ctx, d, j)
	if err != nil || there {
		return done, false, err
	}
	body, err := j.open(p.options.TempDir)
	if err != nil {
		return done, false, err
	}
	defer func() { err = errors.Join(err, body.close()) }()
	done.Bytes = body.size
	return done, true, c.put(ctx, d, j, body)
}

// body is the content of an object, in a file.
type body struct {
	file      *os.File
	size      int64
	temporary bool
}

func (b *body) close() error {
	err := b.file.Close()
	if b.temporary {
		err = errors.Join(err, os.Remove(b.file.Name()))
	}
	return err
}
