package runner

import (
	"io/fs"
	"syscall"
	"time"
)

// accessTime is when a file was last read, as far as the file system says.
func accessTime(info fs.FileInfo) time.Time {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(st.Atim.Unix())
	}
	return time.Time{}
}
