package wire

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// isCBOR says whether r uses the protocol that newer clients speak to CloudWatch:
// https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
func isCBOR(r *http.Request) bool { return r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor" }

// readCBOR reads a call to /service/SERVICE/operation/ACTION.
func (c *Call) readCBOR() {
	c.Protocol = CBOR
	parts := strings.Split(strings.Trim(c.Request.URL.Path, "/"), "/")
	if len(parts) == 4 && parts[0] == "service" && parts[2] == "operation" {
		c.Action = parts[3]
		if service, ok := targets[parts[1]]; ok {
			c.Service = service
		}
	}
	if len(c.Body) == 0 {
		return
	}
	if v, err := cbor.Decode(c.Body); err == nil {
		if all, ok := fromCBOR(v).(map[string]any); ok {
			c.Params = all
		}
	}
}

// fromCBOR is a value as it comes by the other protocols.
func fromCBOR(v cbor.Value) any {
	switch v := v.(type) {
	case cbor.String:
		return string(v)
	case cbor.Uint:
		return json.Number(strconv.FormatUint(uint64(v), 10))
	case cbor.NegInt:
		return json.Number("-" + strconv.FormatUint(uint64(v), 10))
	case cbor.Float64:
		return json.Number(strconv.FormatFloat(float64(v), 'g', -1, 64))
	case cbor.Float32:
		return json.Number(strconv.FormatFloat(float64(v), 'g', -1, 32))
	case cbor.Bool:
		return bool(v)
	case *cbor.Tag:
		return fromCBOR(v.Value)
	case cbor.List:
		out := []any{}
		for _, child := range v {
			out = append(out, fromCBOR(child))
		}
		return out
	case cbor.Map:
		out := map[string]any{}
		for name, child := range v {
			out[name] = fromCBOR(child)
		}
		return out
	}
	return nil
}

// toCBOR is a value of an answer. Times are tagged seconds since 1970.
func toCBOR(v any) (cbor.Value, error) {
	switch v := v.(type) {
	case string:
		return cbor.String(v), nil
	case bool:
		return cbor.Bool(v), nil
	case int:
		return integer(float64(v)), nil
	case float64:
		if v == math.Trunc(v) {
			return integer(v), nil
		}
		return cbor.Float64(v), nil
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return nil, err
		}
		return toCBOR(f)
	case time.Time:
		return &cbor.Tag{ID: 1, Value: cbor.Float64(float64(v.UnixMilli()) / 1000)}, nil
	case []string:
		out := cbor.List{}
		for _, child := range v {
			out = append(out, cbor.String(child))
		}
		return out, nil
	case []any:
		out := cbor.List{}
		for _, child := range v {
			one, err := toCBOR(child)
			if err != nil {
				return nil, err
			}
			out = append(out, one)
		}
		return out, nil
	case map[string]any:
		out := cbor.Map{}
		for name, child := range v {
			if child == nil {
				continue
			}
			one, err := toCBOR(child)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			out[name] = one
		}
		return out, nil
	}
	return nil, fmt.Errorf("a %T cannot be answered in CBOR", v)
}

func integer(v float64) cbor.Value {
	if v < 0 {
		return cbor.NegInt(uint64(-v))
	}
	return cbor.Uint(uint64(v))
}

func (c *Call) respondCBOR(w http.ResponseWriter, result any) {
	if result == nil {
		result = map[string]any{}
	}
	v, err := toCBOR(result)
	if err != nil {
		c.fail(w, err)
		return
	}
	writeCBOR(w, http.StatusOK, v)
}

func failCBOR(w http.ResponseWriter, e *Error) {
	w.Header().Set("X-Amzn-Query-Error", e.Code+";Sender")
	writeCBOR(w, e.Status, cbor.Map{"__type": cbor.String(e.Code), "message": cbor.String(e.Message)})
}

func writeCBOR(w http.ResponseWriter, status int, v cbor.Value) {
	body := cbor.Encode(v)
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	w.Header().Set("Content-Type", "application/cbor")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
