package sqlite

import (
	"testing"

	"github.com/factstr/factstr-go/core/internal/proctest"
)

// roles are the programs that the children of these tests can run.
var roles = proctest.Roles{}

func TestMain(m *testing.M) {
	roles.Main(func() int {
		processSettings() // before a test opens a file in another way than stores do
		return m.Run()
	})
}
