package npmcache

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

func TestAPackageIsFetchedOnce(t *testing.T) {
	var fetched atomic.Int64
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.EscapedPath() {
		case "/@scope%2fleft/-/left-1.0.0.tgz":
			fetched.Add(1)
			fmt.Fprint(w, "archive")
		case "/left":
			fmt.Fprintf(w, `{"tarball":"http://%s/left/-/left-1.0.0.tgz"}`, r.Host)
		default:
			http.NotFound(w, r)
		}
	}))
	defer upstream.Close()
	folder := t.TempDir()
	for range 2 { // The second is a later process with the same folder.
		ours := httptest.NewServer(New(upstream.URL+"/", folder))
		for range 2 {
			if code, body := get(t, ours.URL+"/@scope%2fleft/-/left-1.0.0.tgz"); code != http.StatusOK || body != "archive" {
				t.Errorf("got %d %q", code, body)
			}
		}
		if _, body := get(t, ours.URL+"/left"); body != `{"tarball":"`+ours.URL+`/left/-/left-1.0.0.tgz"}` {
			t.Errorf("the list of versions leads elsewhere: %s", body)
		}
		if code, _ := get(t, ours.URL+"/right/-/right-1.0.0.tgz"); code != http.StatusBadGateway {
			t.Errorf("a package that is not there: %d", code)
		}
		ours.Close()
	}
	if n := fetched.Load(); n != 1 {
		t.Errorf("the package was fetched %d times", n)
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}
