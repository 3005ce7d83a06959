package postgres

import (
	"testing"

	"github.com/factstr/factstr-go/core/internal/proctest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// roles are what child processes of these tests can do.
var roles = proctest.Roles{}

func TestMain(m *testing.M) { roles.Main(func() int { return pgtest.Main(m) }) }
