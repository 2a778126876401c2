package permissions

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// direction is which way traffic goes that a rule allows.
type direction struct {
	// word leads to the peer, peers are the properties that name one that is no
	// block of addresses.
	word  string
	peers []string
	// open: a group without any rule allows everything.
	open bool
}

var (
	ingress = direction{word: "from", peers: []string{"SourceSecurityGroupId", "SourceSecurityGroupName", "SourcePrefixListId"}}
	egress  = direction{word: "to", peers: []string{"DestinationSecurityGroupId", "DestinationPrefixListId"}, open: true}
)

// ruleProperties are those of a rule that is a resource of its own.
var ruleProperties = []string{
	"IpProtocol", "FromPort", "ToPort", "CidrIp", "CidrIpv6", "SourceSecurityGroupId", "SourceSecurityGroupName", "SourcePrefixListId",
	"DestinationSecurityGroupId", "DestinationPrefixListId", "GroupId", "GroupName",
}

// anyProtocol is the protocol of a rule that stands for all of them.
const anyProtocol = "-1"

// rule is traffic that a security group allows.
type rule struct {
	protocol string
	from, to int
	peer     string
	// group is of a rule of its own.
	group string
}

// groupRules compares the rules that are part of a security group.
func groupRules(property string, d direction) comparison {
	rules := func(p tree) (found []rule, unknown bool) {
		if p[property] == nil && d.open && len(p) > 0 {
			return []rule{{protocol: anyProtocol, peer: "0.0.0.0/0"}, {protocol: anyProtocol, peer: "::/0"}}, false
		}
		for _, one := range list(p[property]) {
			t, ok := one.(tree)
			if !ok {
				unknown = true
				continue
			}
			found = append(found, d.rules(t)...)
		}
		return found, unknown
	}
	return func(before, after tree) []string {
		was, _ := rules(before)
		is, unknown := rules(after)
		found := d.fresh(was, is)
		if unknown {
			found = append(found, "some of its rules are known only once the change is executed")
		}
		return found
	}
}

// oneRule compares a rule that is a resource of its own.
func oneRule(d direction) comparison {
	return func(before, after tree) []string { return d.fresh(d.rules(before), d.rules(after)) }
}

// rules are those of one entry: one for each peer that it names.
func (d direction) rules(t tree) []rule {
	if len(t) == 0 {
		return nil
	}
	one := rule{protocol: protocol(text(t["IpProtocol"])), from: port(t["FromPort"], 0), to: port(t["ToPort"], 65535), group: text(t["GroupId"]) + text(t["GroupName"])}
	if one.protocol == "icmp" || one.protocol == "icmpv6" {
		one.from, one.to = port(t["FromPort"], -1), port(t["ToPort"], -1) // type and code
	}
	var found []rule
	for _, property := range append([]string{"CidrIp", "CidrIpv6"}, d.peers...) {
		if t[property] != nil {
			one.peer = text(t[property])
			found = append(found, one)
		}
	}
	return found
}

func protocol(name string) string {
	switch name = strings.ToLower(name); name {
	case "6":
		return "tcp"
	case "17":
		return "udp"
	case "1":
		return "icmp"
	case "58":
		return "icmpv6"
	case "":
		return anyProtocol
	}
	return name
}

func port(v any, otherwise int) int {
	n, err := strconv.ParseFloat(text(v), 64) // JSON has no other numbers
	if err != nil {
		return otherwise
	}
	return int(n)
}

// covers says whether a rule allows all that another does.
func (r rule) covers(other rule) bool {
	if r.group != other.group || !r.reaches(other.peer) {
		return false
	}
	switch {
	case r.protocol == anyProtocol:
		return true
	case r.protocol != other.protocol:
		return false
	case r.protocol == "icmp" || r.protocol == "icmpv6":
		return r.from == -1 || r.from == other.from && (r.to == -1 || r.to == other.to)
	}
	return r.from <= other.from && other.to <= r.to
}

func (r rule) reaches(peer string) bool {
	if r.peer == peer {
		return true
	}
	wide, err1 := netip.ParsePrefix(r.peer)
	narrow, err2 := netip.ParsePrefix(peer)
	return err1 == nil && err2 == nil && wide.Bits() <= narrow.Bits() && wide.Contains(narrow.Addr())
}

// fresh says which rules allow what no earlier one did.
func (d direction) fresh(was, is []rule) []string {
	var found []string
	for _, r := range is {
		if !slices.ContainsFunc(was, func(w rule) bool { return w.covers(r) }) {
			found = append(found, fmt.Sprintf("%s may pass %s %s", r.traffic(), d.word, r.who()))
		}
	}
	return found
}

func (r rule) traffic() string {
	switch {
	case r.protocol == anyProtocol:
		return "all traffic"
	case r.protocol == "icmp" || r.protocol == "icmpv6":
		return strings.ToUpper(r.protocol)
	case r.from == 0 && r.to >= 65535:
		return "all of " + strings.ToUpper(r.protocol)
	case r.from == r.to:
		return fmt.Sprintf("%s port %d", strings.ToUpper(r.protocol), r.from)
	}
	return fmt.Sprintf("%s ports %d to %d", strings.ToUpper(r.protocol), r.from, r.to)
}

func (r rule) who() string {
	if r.peer == "0.0.0.0/0" || r.peer == "::/0" {
		return r.peer + " (anywhere)"
	}
	return few([]string{r.peer})
}
