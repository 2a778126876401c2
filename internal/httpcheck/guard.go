package httpcheck

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
)

// never are networks that are asked whatever is allowed: clouds answer there
// with the credentials of the machine, and the rest are no endpoints.
var never = prefixes(
	"169.254.0.0/16", "fe80::/10", // link-local, with the metadata services of AWS, Azure, GCP, …
	"fd00:ec2::/32", "fd20:ce::/32", // those of AWS and GCP in IPv6,
	"100.100.100.200/32", "168.63.129.16/32", // of Alibaba, and Azure's WireServer
	"0.0.0.0/8", "::/128", "224.0.0.0/4", "ff00::/8", "255.255.255.255/32",
)

// internal are networks that are no part of the internet, or that lead to others.
// What is not of 2000::/3 is none either. They are asked when that is allowed.
// See the special-purpose registries of IANA (RFC 6890).
var internal = prefixes(
	"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", // RFC 1918
	"100.64.0.0/10", // carrier-grade NAT, and pods of EKS
	"127.0.0.0/8",
	"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", // Teredo, documentation, 6to4
)

// global is the unicast space of IPv6, nat64 the prefix by which IPv4 is reached
// where there is none.
var (
	global = netip.MustParsePrefix("2000::/3")
	nat64  = netip.MustParsePrefix("64:ff9b::/96")
)

func prefixes(all ...string) []netip.Prefix {
	var parsed []netip.Prefix
	for _, p := range all {
		parsed = append(parsed, netip.MustParsePrefix(p))
	}
	return parsed
}

func within(networks []netip.Prefix, ip netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// guard decides which addresses may be asked for one endpoint. It is asked when
// a connection is about to be made, with the address that the name was resolved
// to: a name that means something else the next time changes nothing.
type guard struct {
	allowed []netip.Prefix
	host    string
	// secret says that something is sent that others must not read, plainly.
	secret bool
}

// control is of net.Dialer.
func (g guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return refused("%s has no address that can be asked", g.host)
	}
	return g.check(at.Addr())
}

func (g guard) check(ip netip.Addr) error {
	ip = plain(ip)
	switch allowed := within(g.allowed, ip); {
	case within(never, ip):
		return refused("%s is an address that is never asked (link-local, metadata, multicast): write another", g.host)
	case allowed:
		return nil
	case internalName(g.host):
		return refused("%s is a name of the cluster or of a private network: %s", g.host, howToAllow)
	case !public(ip):
		return refused("%s is an address of the cluster, of a private network or of the machine: %s", g.host, howToAllow)
	case g.secret:
		return refused("the headers for %s would be sent where others can read them: write https:// in the URL", g.host)
	}
	return nil
}

const howToAllow = "whoever runs the operator can allow its network with --allow-internal-checks"

// plain is the address that is meant: IPv4 may be written as IPv6, and be
// reached through NAT64.
func plain(ip netip.Addr) netip.Addr {
	ip = ip.WithZone("").Unmap()
	if nat64.Contains(ip) {
		all := ip.As16()
		return netip.AddrFrom4([4]byte(all[12:]))
	}
	return ip
}

// public says whether an address is of the internet.
func public(ip netip.Addr) bool {
	return (ip.Is4() || global.Contains(ip)) && !within(internal, ip)
}

// internalName says whether a name is of a cluster or of a private network,
// whatever it is resolved to: a Service may have any address.
func internalName(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	labels := strings.Split(host, ".")
	last := labels[len(labels)-1]
	// NAME.NAMESPACE.svc is a Service whatever the domain of the cluster is.
	return len(labels) == 1 || slices.Index(labels, "svc") > 1 || slices.Contains([]string{"svc", "local", "internal", "localhost", "arpa", "lan", "home"}, last)
}

// dial connects to a host whose address is checked.
func (c *Client) dial(g guard) func(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Resolver: c.options.Resolver, ControlContext: g.control, KeepAlive: -1}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if ip, err := netip.ParseAddr(host); err == nil {
			if err := g.check(ip); err != nil {
				return nil, err // also where there is no such network
			}
		} else if !internalName(host) && !strings.HasSuffix(host, ".") {
			host += "." // as it stands: a pod's search domains would make a Service of it
		}
		return dialer.DialContext(ctx, network, net.JoinHostPort(host, port))
	}
}
