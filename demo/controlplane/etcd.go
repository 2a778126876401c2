package controlplane

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// startEtcd runs a single etcd member on unix sockets and returns the address that clients dial,
// and the function that closes it. The sockets live in a short temporary folder of their own: a
// socket's path may have no more than 107 bytes, and data folders are often deeper.
func startEtcd(ctx context.Context, dataDir string, log io.Writer) (address string, stop func(context.Context) error, err error) {
	if err := privateDir(dataDir); err != nil {
		return "", nil, err
	}
	sockets, err := os.MkdirTemp("", "etcd-")
	if err != nil {
		return "", nil, err
	}
	etcd, err := embed.StartEtcd(etcdConfig(dataDir, sockets, log))
	if err != nil {
		_ = os.RemoveAll(sockets)
		return "", nil, err
	}
	stop = func(context.Context) error {
		etcd.Close()
		return os.RemoveAll(sockets)
	}
	select {
	case <-etcd.Server.ReadyNotify():
		address := socketURL(sockets, "client")
		return address.String(), stop, nil
	case err = <-etcd.Err():
	case <-ctx.Done():
		err = fmt.Errorf("not ready: %w", ctx.Err())
	}
	_ = stop(ctx)
	return "", nil, err
}

func etcdConfig(dataDir, sockets string, log io.Writer) *embed.Config {
	config := embed.NewConfig()
	config.Name = "demo"
	config.Dir = dataDir
	config.ListenClientUrls = []url.URL{socketURL(sockets, "client")}
	config.AdvertiseClientUrls = config.ListenClientUrls
	config.ListenPeerUrls = []url.URL{socketURL(sockets, "peer")}
	config.AdvertisePeerUrls = config.ListenPeerUrls
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	// A demo's data may be lost with the machine, and laptops have slow disks.
	config.UnsafeNoFsync = true
	config.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.New(zapcore.NewCore(
		zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.Lock(zapcore.AddSync(log)), zapcore.WarnLevel,
	)))
	return config
}

func socketURL(dir, name string) url.URL {
	return url.URL{Scheme: "unix", Path: filepath.Join(dir, name)}
}
