package postgres

import (
	"os"
	"testing"

	"github.com/factstr/factstr-go/core/internal/childtest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// roles are what the children of these tests can be.
var roles = childtest.Roles{}

func TestMain(m *testing.M) {
	if status, isChild := roles.Play(os.Stdin, os.Stdout, os.Stderr); isChild {
		os.Exit(status)
	}
	os.Exit(pgtest.Main(m))
}
