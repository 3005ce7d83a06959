// Package rustformat describes the stored format that the SQLite and the PostgreSQL store share
// with the Rust library of FACTSTR, once for both: table and column names, the markers of the
// format, and the texts in which a database that does not fit is refused.
//
// The Rust library creates its tables with CREATE TABLE IF NOT EXISTS and reads no marker, so the
// format never changes in place: a newer one would have another marker, and this library refuses
// what it does not know rather than guess. Each store keeps its own SQL (types, indexes and
// spellings differ) in its migrations folder.
package rustformat

import (
	"fmt"

	factstr "github.com/factstr/factstr-go/core"
)

// Kind is the kind of value in a column. Each store maps it to the type of its database.
type Kind int

// The kinds of values.
const (
	Number Kind = iota
	Text
	Time
	JSON
)

// Column is a column that the stores read and write.
type Column struct {
	Name string
	Kind Kind
}

// Table is a table with the columns that the stores read and write. The first column is the key:
// no two rows have the same.
type Table struct {
	Name    string
	Columns []Column
}

// Names of tables.
const (
	Events = "events"
	// Batches holds a row for each batch of two or more facts. A fact in no row is a batch of its
	// own. Other programs may have changed the rows: one that ends before it starts is no batch,
	// and of overlapping ones the first counts. So a store that reads the batches of a range starts
	// at the last row that begins at or before the range, since its batch may reach into it.
	Batches  = "append_batches"
	Metadata = "store_metadata"
	// Generations is not of the Rust format: it can be rebuilt, and losing it only forgets which
	// registration a late cursor write belongs to.
	Generations = "factstr_durable_streams"
)

// Tables returns the tables of a store. The Rust library names the table of durable cursors and its
// key differently in each database.
func Tables(cursors, cursorKey string) []Table {
	return []Table{
		{Events, []Column{{"sequence_number", Number}, {"occurred_at", Time}, {"event_type", Text}, {"payload", JSON}}},
		{Batches, []Column{{"first_sequence_number", Number}, {"last_sequence_number", Number}}},
		{cursors, []Column{{cursorKey, Text}, {"event_query", Text}, {"last_processed_sequence_number", Number}}},
		{Metadata, []Column{{"key", Text}, {"value", Text}}},
		{Generations, []Column{{"name", Text}, {"generation", Number}, {"exact_query", Text}}},
	}
}

// Key returns the name of the key column.
func (t Table) Key() string { return t.Columns[0].Name }

// NoColumn says that the table lacks a column.
func (t Table) NoColumn(c Column) string {
	return fmt.Sprintf("table %s has no column %s", t.Name, c.Name)
}

// NoKey says that nothing keeps the key unique.
func (t Table) NoKey() string {
	return fmt.Sprintf("table %s may hold two rows of one %s, for want of a primary key", t.Name, t.Key())
}

// Keys and values of the markers in the table Metadata. A store without the boundary marker was
// begun before Rust's 0.5, which wrote a row of boundaries for every batch; 0.5 and later write
// none for a batch of one. A fact without a row is a batch of one either way, so the marker may be
// added to any store.
const (
	versionKey  = "store_format_version"
	version     = "1"
	boundaryKey = "append_batch_boundary_format"
	boundary    = "sparse_v1"
)

// Markers are the markers that a database holds, "" where one is missing.
type Markers struct{ version, boundary string }

// Read takes a row of the table Metadata. Rows of other keys are ignored.
func (m *Markers) Read(key, value string) {
	switch key {
	case versionKey:
		m.version = value
	case boundaryKey:
		m.boundary = value
	}
}

// Complete reports whether both markers are there.
func (m Markers) Complete() bool { return m.version != "" && m.boundary != "" }

// Check refuses a format that this library does not know. store is the kind of store, where names
// the database.
func (m Markers) Check(store, where string) error {
	refusal := func(key, found, known string) error {
		return factstr.NewError(factstr.CodeUnsupportedFormat, "%s: %s has %s %s, this library reads %s; open it with a newer version", store, where, key, found, known)
	}
	switch {
	case m.version != "" && m.version != version:
		return refusal(versionKey, m.version, version)
	case m.boundary != "" && m.boundary != boundary:
		return refusal(boundaryKey, m.boundary, boundary)
	}
	return nil
}
