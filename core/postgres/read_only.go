package postgres

import (
	"strconv"

	factstr "github.com/factstr/factstr-go/core"
)

// A store with the option ReadOnly looks at the schema and creates nothing (prepareSchema), and
// refuses whatever would write before it asks the server (readOnly): appends, registrations and
// changes of cursors. So a role that may only read is enough, and a standby is as good as the
// primary. It listens and polls like any store.

// readOnly refuses to write with a store that was opened to read.
func (b *backend) readOnly(doing string) error {
	if !b.options.ReadOnly {
		return nil
	}
	return factstr.NewError(factstr.CodeReadOnly,
		"postgres: %s: this store was opened read_only; open another one without that option", doing)
}

// checkReadable refuses a schema in which something is missing that reading needs.
func (f *inspection) checkReadable(schema string) error {
	if f.usable() {
		return nil
	}
	return factstr.NewError(factstr.CodeUnsupportedFormat,
		"postgres: schema %s holds no store, and read_only creates none: open it once without read_only, by a role that may create tables", strconv.Quote(schema))
}
