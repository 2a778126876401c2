package image

import (
	"errors"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
)

type unzipped struct {
	*gzip.Reader
	file *os.File
}

// Close closes both.
func (u unzipped) Close() error { return errors.Join(u.Reader.Close(), u.file.Close()) }

func gunzip(path string) (io.ReadCloser, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	reader, err := gzip.NewReader(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return unzipped{reader, file}, nil
}
