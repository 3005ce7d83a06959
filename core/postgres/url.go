package postgres

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// parseURL reads a libpq URL or keyword string, or one in the spelling of the Rust store's driver.
// Messages name the field and never repeat its text, which may hold a password.
func parseURL(field, text string, options Options) (*pgxpool.Config, error) {
	if text = strings.TrimSpace(text); text == "" {
		return nil, factstr.NewError(factstr.CodeInvalidArgument,
			"%s is empty; give a URL such as postgres://user@host:5432/database", field)
	}
	if strings.IndexByte(text, 0) >= 0 {
		return nil, factstr.NewError(factstr.CodeInvalidArgument, "%s holds a NUL byte", field)
	}
	config, err := pgxpool.ParseConfig(translated(text))
	if err != nil || !isConnectionText(text) {
		return nil, factstr.NewError(factstr.CodeInvalidArgument,
			"%s cannot be read; it must look like postgres://user:password@host:5432/database?sslmode=require, with special characters percent-encoded", field)
	}
	c := &config.ConnConfig.Config
	c.ConnectTimeout = options.ConnectTimeout
	c.DialFunc = dial
	look := c.LookupFunc
	c.LookupFunc = func(ctx context.Context, host string) ([]string, error) {
		ctx, cancel := context.WithTimeout(ctx, options.ConnectTimeout)
		defer cancel()
		return look(ctx, host)
	}
	fallback := c.RuntimeParams["fallback_application_name"]
	c.RuntimeParams["application_name"] = cmp.Or(options.ApplicationName,
		c.RuntimeParams["application_name"], fallback, "factstr")
	// These are for libpq and not for the server. Encryption by GSSAPI, which the driver does not
	// have, is an error only where it is required.
	for _, name := range []string{"fallback_application_name", "keepalives", "keepalives_idle", "keepalives_interval",
		"keepalives_count", "sslcompression"} {
		delete(c.RuntimeParams, name)
	}
	if c.RuntimeParams["gssencmode"] != "require" {
		delete(c.RuntimeParams, "gssencmode")
	}
	c.RuntimeParams["client_encoding"] = "UTF8"
	// If there are several hosts, the store wants the one that is the primary now.
	if c.ValidateConnect == nil && len(hosts(c)) > 1 {
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	return config, nil
}

func isConnectionText(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://") ||
		!strings.Contains(text, "://") && strings.Contains(text, "=")
}

func hosts(c *pgconn.Config) map[string]struct{} {
	address := func(host string, port uint16) string { return net.JoinHostPort(host, strconv.Itoa(int(port))) }
	hosts := map[string]struct{}{address(c.Host, c.Port): {}}
	for _, fallback := range c.Fallbacks {
		hosts[address(fallback.Host, fallback.Port)] = struct{}{}
	}
	return hosts
}

// rustParameters maps parameters that the Rust store's driver spells in its own way to libpq's. ""
// drops one that concerns that driver only.
var rustParameters = map[string]string{
	"ssl-mode": "sslmode", "ssl-root-cert": "sslrootcert", "ssl-ca": "sslrootcert", "ssl-cert": "sslcert", "ssl-key": "sslkey", "statement-cache-capacity": "",
}

// translated rewrites to libpq's spelling what only the Rust store's driver accepts: a user or
// password that is not percent-encoded, capital letters in sslmode, options[name]=value, and
// rustParameters.
func translated(text string) string {
	base, query, found := strings.Cut(text, "?")
	if !strings.Contains(base, "://") {
		return text
	}
	base = escapedUser(base)
	if !found {
		return base
	}
	text = base + "?" + query
	var kept, settings []string
	for part := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(key)
		if err != nil {
			return text
		}
		setting, isOption := strings.CutPrefix(name, "options[")
		known, isRust := rustParameters[name]
		switch {
		case isOption && strings.HasSuffix(setting, "]"):
			plain, err := url.QueryUnescape(value)
			if err != nil {
				return text
			}
			settings = append(settings, "-c "+strings.TrimSuffix(setting, "]")+"="+strings.NewReplacer(`\`, `\\`, " ", `\ `).Replace(plain))
		case name == "options":
			plain, err := url.QueryUnescape(value)
			if err != nil {
				return text
			}
			settings = append(settings, plain)
		case name == "sslmode", known == "sslmode":
			kept = append(kept, "sslmode="+strings.ToLower(value))
		case isRust && known != "":
			kept = append(kept, known+"="+value)
		case !isRust:
			kept = append(kept, part)
		}
	}
	if len(settings) > 0 {
		kept = append(kept, "options="+strings.ReplaceAll(url.QueryEscape(strings.Join(settings, " ")), "+", "%20"))
	}
	if len(kept) == 0 {
		return base
	}
	return base + "?" + strings.Join(kept, "&")
}

// escapedUser percent-encodes user and password, which end at the last @ before the path, as far as
// they are not encoded. Otherwise the end of a password would be taken for a host, and repeated in
// messages.
func escapedUser(base string) string {
	scheme, rest, _ := strings.Cut(base, "://")
	authority, _, _ := strings.Cut(rest, "/")
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return base
	}
	var user strings.Builder
	for i := range at {
		c := authority[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
		if letter || strings.IndexByte("-._~:!$&'()*+,;=", c) >= 0 || c == '%' && isHex(authority[i+1:at]) {
			user.WriteByte(c)
		} else {
			fmt.Fprintf(&user, "%%%02X", c)
		}
	}
	return scheme + "://" + user.String() + strings.TrimPrefix(rest, authority[:at])
}

func isHex(text string) bool {
	if len(text) < 2 {
		return false
	}
	_, err := strconv.ParseUint(text[:2], 16, 8)
	return err == nil
}
