package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// runPush pushes what was built: the indexes, their images, and what is
// attached to both.
func runPush(ctx context.Context, args []string, out, log io.Writer) error {
	set := flags("push", log)
	from := set.String("from", "../dist/images", "folder of what was built")
	registry := set.String("registry", "", "where to push, such as registry.example.com/team (required)")
	latest := set.Bool("latest", false, "tag the images latest, too")
	insecure := set.Bool("insecure", false, "allow a registry without TLS")
	if err := parse(set, args); err != nil {
		return err
	}
	if *registry == "" {
		return errors.New("where to? Name the registry, and a folder in it if there is one: make image-push REGISTRY=registry.example.com/team")
	}
	for _, each := range []string{manager, runner} {
		p := pusher{ctx: ctx, out: out, dir: filepath.Join(*from, folders[each]), latest: *latest}
		if *insecure {
			p.options = append(p.options, name.Insecure)
		}
		if err := p.push(*registry + "/" + each); err != nil {
			return fmt.Errorf("push %s: %w", each, err)
		}
	}
	return nil
}

type pusher struct {
	ctx     context.Context
	out     io.Writer
	dir     string
	latest  bool
	options []name.Option
}

// push pushes one layout. The index goes last but for what is attached to it:
// a tag never names something that is not there.
func (p pusher) push(repository string) error {
	repo, err := name.NewRepository(repository, append(p.options, name.StrictValidation)...)
	if err != nil {
		return err
	}
	root, err := layout.ImageIndexFromPath(p.dir)
	if err != nil {
		return fmt.Errorf("%w: run \"make images\" first", err)
	}
	manifest, err := root.IndexManifest()
	if err != nil {
		return err
	}
	for _, each := range manifest.Manifests {
		version := each.Annotations["org.opencontainers.image.ref.name"]
		if version == "" {
			err = p.attached(repo, root, each)
		} else {
			err = p.index(repo, root, each, version)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p pusher) index(repo name.Repository, root v1.ImageIndex, each v1.Descriptor, version string) error {
	index, err := root.ImageIndex(each.Digest)
	if err != nil {
		return err
	}
	tags := []string{version}
	if p.latest {
		tags = append(tags, "latest")
	}
	for _, tag := range tags {
		if err := remote.WriteIndex(repo.Tag(tag), index, p.auth()...); err != nil {
			return err
		}
		fmt.Fprintf(p.out, "pushed %s@%s\n", repo.Tag(tag), each.Digest)
	}
	return nil
}

func (p pusher) attached(repo name.Repository, root v1.ImageIndex, each v1.Descriptor) error {
	artifact, err := root.Image(each.Digest)
	if err != nil {
		return err
	}
	if err := remote.Write(repo.Digest(each.Digest.String()), artifact, p.auth()...); err != nil {
		return err
	}
	fmt.Fprintf(p.out, "pushed %s (%s)\n", repo.Digest(each.Digest.String()), each.ArtifactType)
	return nil
}

// auth uses what "docker login" or the cloud's helper has left for the registry.
func (p pusher) auth() []remote.Option {
	return []remote.Option{remote.WithContext(p.ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)}
}
