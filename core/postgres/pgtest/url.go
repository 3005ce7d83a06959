//go:build unix

package pgtest

import (
	"errors"
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

// WithUser returns a URL with another user. An empty password means none.
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

// change removes parameters, since they take precedence over the part before the question mark.
func change(raw string, edit func(*url.URL), leaveOut ...string) string {
	u, err := parse(raw)
	if err != nil {
		panic(err)
	}
	query := u.Query()
	for _, key := range leaveOut {
		query.Del(key)
	}
	u.RawQuery = query.Encode()
	edit(u)
	return u.String()
}

// parse does not repeat a URL that it can't read: it may hold a password.
func parse(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, errors.New("pgtest: tests need a URL such as postgres://user@host:5432/database, and this one is none")
	}
	return u, nil
}
