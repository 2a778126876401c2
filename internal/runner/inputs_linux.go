package runner

import (
	"io/fs"
	"syscall"
	"time"
)

// wasRead says whether a file or a link was read since it was written.
func wasRead(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && time.Unix(st.Atim.Unix()).After(info.ModTime())
}
