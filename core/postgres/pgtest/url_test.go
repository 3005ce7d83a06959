//go:build unix

package pgtest

import (
	"fmt"
	"strings"
	"testing"
)

func TestURLsAreRewritten(t *testing.T) {
	const raw = "postgres://alice:old@db.example:5433/facts?sslmode=require"
	for _, test := range []struct{ got, want string }{
		{WithDatabase(raw, "other"), "postgres://alice:old@db.example:5433/other?sslmode=require"},
		{WithAddress(raw, "127.0.0.1:1"), "postgres://alice:old@127.0.0.1:1/facts?sslmode=require"},
		{WithUser(raw, "bob", "p@ss/word"), "postgres://bob:p%40ss%2Fword@db.example:5433/facts?sslmode=require"},
		{WithUser(raw, "bob", ""), "postgres://bob@db.example:5433/facts?sslmode=require"},
		{WithParam(raw, "sslmode", "disable"), "postgres://alice:old@db.example:5433/facts?sslmode=disable"},
		{WithParam("postgres://h/d", "application_name", "a b"), "postgres://h/d?application_name=a%20b"},
		// What a parameter says wins, so it must go.
		{WithAddress("postgres:///facts?host=/tmp&port=5433", "h:1"), "postgres://h:1/facts"},
		{WithDatabase("postgres://h/?dbname=facts", "other"), "postgres://h/other"},
		{WithUser("postgres://h/facts?user=alice&password=old", "bob", ""), "postgres://bob@h/facts"},
	} {
		if test.got != test.want {
			t.Errorf("%s, wanted %s", test.got, test.want)
		}
	}
}

func TestAURLThatCannotBeReadIsNotRepeated(t *testing.T) {
	for _, raw := range []string{"host=h password=secret", "postgres://u:sec ret@[/%zz"} {
		func() {
			defer func() {
				if message := fmt.Sprint(recover()); !strings.Contains(message, "postgres://user@host") || strings.Contains(message, "sec") {
					t.Errorf("the panic says %q", message)
				}
			}()
			WithDatabase(raw, "other")
		}()
	}
}
