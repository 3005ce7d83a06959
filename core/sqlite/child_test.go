package sqlite

import (
	"testing"

	"github.com/factstr/factstr-go/core/internal/childtest"
)

// roles are what the children of these tests can be.
var roles = childtest.Roles{}

func TestMain(m *testing.M) { roles.Main(m.Run) }
