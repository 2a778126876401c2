package wire

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// namespaces are the XML namespaces of the query services.
var namespaces = map[string]string{
	"cloudformation": "http://cloudformation.amazonaws.com/doc/2010-05-15/",
	"sts":            "https://sts.amazonaws.com/doc/2011-06-15/",
	"iam":            "https://iam.amazonaws.com/doc/2010-05-08/",
	"sns":            "http://sns.amazonaws.com/doc/2010-03-31/",
	"sqs":            "http://queue.amazonaws.com/doc/2012-11-05/",
	"monitoring":     "http://monitoring.amazonaws.com/doc/2010-08-01/",
	"rds":            "http://rds.amazonaws.com/doc/2014-10-31/",
	"ec2":            "http://ec2.amazonaws.com/doc/2016-11-15/",

	"elasticloadbalancing": "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
}

// Respond writes what a handler returned, in the call's own protocol.
func (c *Call) Respond(w http.ResponseWriter, result any, err error) {
	w.Header().Set("X-Amzn-Requestid", c.RequestID)
	w.Header().Set("X-Amz-Request-Id", c.RequestID)
	if err != nil {
		c.fail(w, err)
		return
	}
	if answer, ok := result.(*Answer); ok {
		answer.write(w)
		return
	}
	switch c.Protocol {
	case Query:
		c.respondXML(w, result)
	case CBOR:
		c.respondCBOR(w, result)
	default:
		c.respondJSON(w, result)
	}
}

func (a *Answer) write(w http.ResponseWriter) {
	for k, v := range a.Header {
		w.Header()[k] = v
	}
	if a.Status == 0 {
		a.Status = http.StatusOK
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body)
}

func (c *Call) respondJSON(w http.ResponseWriter, result any) {
	if result == nil {
		result = map[string]any{}
	}
	body, err := json.Marshal(epochs(result))
	if err != nil {
		c.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

// epochs turns times into the seconds since 1970 that the JSON protocol uses.
func epochs(v any) any {
	switch v := v.(type) {
	case time.Time:
		return float64(v.UnixMilli()) / 1000
	case map[string]any:
		out := map[string]any{}
		for k, child := range v {
			if child != nil {
				out[k] = epochs(child)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, child := range v {
			out[i] = epochs(child)
		}
		return out
	case Entries:
		return map[string]string(v)
	}
	return v
}

func (c *Call) respondXML(w http.ResponseWriter, result any) {
	fields, _ := result.(map[string]any)
	if c.Service == "ec2" {
		c.respondEC2(w, fields)
		return
	}
	x := &xmlWriter{}
	x.raw("<" + c.Action + `Response xmlns="` + namespaces[c.Service] + `">`)
	x.raw("<" + c.Action + "Result>")
	x.fields(fields)
	x.raw("</" + c.Action + "Result>")
	x.raw("<ResponseMetadata><RequestId>" + c.RequestID + "</RequestId></ResponseMetadata>")
	x.raw("</" + c.Action + "Response>")
	x.send(w, http.StatusOK)
}

// respondEC2 writes EC2's own dialect: no result element, and lists of <item>.
func (c *Call) respondEC2(w http.ResponseWriter, fields map[string]any) {
	x := &xmlWriter{item: "item"}
	x.raw(xml.Header + "<" + c.Action + `Response xmlns="` + namespaces[c.Service] + `"><requestId>` + c.RequestID + "</requestId>")
	x.fields(fields)
	x.raw("</" + c.Action + "Response>")
	x.send(w, http.StatusOK)
}

func (x *xmlWriter) send(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("Content-Length", strconv.Itoa(x.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(x.Bytes())
}

// fail writes err; anything that is no *Error is reported as an internal failure.
func (c *Call) fail(w http.ResponseWriter, err error) {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = &Error{Code: "InternalFailure", Message: err.Error(), Status: http.StatusInternalServerError}
	}
	switch {
	case c.Protocol == Query:
		c.failQuery(w, e)
	case c.Protocol == CBOR:
		failCBOR(w, e)
	case c.Service == "s3":
		failS3(w, c, e)
	default:
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.Header().Set("X-Amzn-Errortype", e.Code)
		w.WriteHeader(e.Status)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": e.Code, "message": e.Message, "Message": e.Message})
	}
}

func (c *Call) failQuery(w http.ResponseWriter, e *Error) {
	kind := "Sender"
	if e.Status >= http.StatusInternalServerError {
		kind = "Receiver"
	}
	x := &xmlWriter{}
	if c.Service == "ec2" {
		x.raw(xml.Header + "<Response><Errors><Error>")
		x.fields(map[string]any{"Code": e.Code, "Message": e.Message})
		x.raw("</Error></Errors><RequestID>" + c.RequestID + "</RequestID></Response>")
		x.send(w, e.Status)
		return
	}
	x.raw(`<ErrorResponse xmlns="` + namespaces[c.Service] + `"><Error>`)
	x.fields(map[string]any{"Type": kind, "Code": e.Code, "Message": e.Message})
	x.raw("</Error><RequestId>" + c.RequestID + "</RequestId></ErrorResponse>")
	x.send(w, e.Status)
}

func failS3(w http.ResponseWriter, c *Call, e *Error) {
	x := &xmlWriter{}
	x.raw(xml.Header + "<Error>")
	x.fields(map[string]any{"Code": e.Code, "Message": e.Message, "RequestId": c.RequestID, "Resource": c.Request.URL.Path})
	x.raw("</Error>")
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(e.Status)
	if c.Request.Method != http.MethodHead {
		_, _ = w.Write(x.Bytes())
	}
}
