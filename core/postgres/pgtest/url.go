//go:build unix

package pgtest

import (
	"net/url"
	"strings"
)

// WithDatabase returns a URL with another database.
func WithDatabase(raw, name string) string {
	return change(raw, func(u *url.URL) { u.Path = "/" + name }, "dbname", "database")
}

// WithAddress returns a URL that leads to another host and port, such as that of a proxy.
func WithAddress(raw, address string) string {
	return change(raw, func(u *url.URL) { u.Host = address }, "host", "port")
}

// WithUser returns a URL with another user; an empty password means none.
func WithUser(raw, user, password string) string {
	return change(raw, func(u *url.URL) {
		u.User = url.User(user)
		if password != "" {
			u.User = url.UserPassword(user, password)
		}
	}, "user", "password")
}

// WithParam returns a URL whose parameter key has this value.
func WithParam(raw, key, value string) string {
	return change(raw, func(u *url.URL) {
		query := u.Query()
		query.Set(key, value)
		u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20") // not every client reads the plus as a space
	})
}

// change leaves out parameters, since they win over what stands before the question mark. It does not repeat a URL that it can't read: there may be a
// password in it.
func change(raw string, edit func(*url.URL), leaveOut ...string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" {
		panic("pgtest: tests need a URL such as postgres://user@host:5432/database, and this one is none")
	}
	query := u.Query()
	for _, key := range leaveOut {
		query.Del(key)
	}
	u.RawQuery = query.Encode()
	edit(u)
	return u.String()
}
