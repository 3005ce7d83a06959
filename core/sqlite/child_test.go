package sqlite

import (
	"testing"

	"github.com/factstr/factstr-go/core/internal/proctest"
)

// roles are what the children of these tests can be.
var roles = proctest.Roles{}

func TestMain(m *testing.M) { roles.Main(m.Run) }
