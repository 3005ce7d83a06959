package compat

import (
	"os"
	"testing"

	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
