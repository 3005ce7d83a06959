package interop

import (
	"math"
	"time"

	"github.com/goccy/go-json"

	factstr "github.com/factstr/factstr-go/core"
)

// PostgresOptions are the options that only the PostgreSQL store takes; zero fields stand for its
// defaults. DirectURL may hold a password: nothing prints it.
//
// The fields are those of postgres.Options, in the same order, so that a conversion copies all of
// them and does not compile when one is missing: this package must not import a store.
type PostgresOptions struct {
	factstr.Options // set by whoever opens the store, from StoreOptions.Store

	Schema          string
	ApplicationName string
	DirectURL       string
	ConnectionsMax  int
	ConnectTimeout  time.Duration
	LockTimeout     time.Duration
	ResponseTimeout time.Duration
	PollInterval    time.Duration
	IndexBytesMax   int
	ReadOnly        bool
}

var postgresOptionsShape = optionsShape(
	field{name: "schema", shape: textShape},
	field{name: "application_name", shape: textShape},
	field{name: "direct_url", shape: textShape},
	field{name: "connections_max", shape: unsignedShape},
	field{name: "connect_timeout_ms", shape: signedShape},
	field{name: "lock_timeout_ms", shape: signedShape},
	field{name: "response_timeout_ms", shape: signedShape},
	field{name: "poll_interval_ms", shape: signedShape},
	field{name: "index_bytes_max", shape: unsignedShape},
	field{name: "read_only", shape: boolShape},
)

// DecodePostgresOptions reads the options of a PostgreSQL store; nil asks for the defaults.
func DecodePostgresOptions(request []byte) (StoreOptions, error) {
	options, err := decodeOptions(request, postgresOptionsShape)
	if err != nil || request == nil {
		return options, err
	}
	var dto struct {
		Schema            *string `json:"schema"`
		ApplicationName   *string `json:"application_name"`
		DirectURL         *string `json:"direct_url"`
		ConnectionsMax    *uint64 `json:"connections_max"`
		ConnectTimeoutMS  *int64  `json:"connect_timeout_ms"`
		LockTimeoutMS     *int64  `json:"lock_timeout_ms"`
		ResponseTimeoutMS *int64  `json:"response_timeout_ms"`
		PollIntervalMS    *int64  `json:"poll_interval_ms"`
		IndexBytesMax     *uint64 `json:"index_bytes_max"`
		ReadOnly          *bool   `json:"read_only"`
	}
	if err := json.Unmarshal(request, &dto); err != nil {
		return StoreOptions{}, unfilled("options", err)
	}
	postgres := &options.Postgres
	for _, t := range []struct {
		name  string
		given *string
		into  *string
	}{
		{"schema", dto.Schema, &postgres.Schema},
		{"application_name", dto.ApplicationName, &postgres.ApplicationName},
		{"direct_url", dto.DirectURL, &postgres.DirectURL},
	} {
		if t.given == nil {
			continue
		}
		if *t.given == "" {
			return StoreOptions{}, factstr.NewError(factstr.CodeInvalidArgument, "options.%s is empty; leave it out for the default", t.name)
		}
		*t.into = *t.given
	}
	// Without time nothing would connect, every commit would count as lost, and the log would be
	// looked at without pause.
	for _, t := range []struct {
		name  string
		given *int64
		into  *time.Duration
	}{
		{"connect_timeout_ms", dto.ConnectTimeoutMS, &postgres.ConnectTimeout},
		{"response_timeout_ms", dto.ResponseTimeoutMS, &postgres.ResponseTimeout},
		{"poll_interval_ms", dto.PollIntervalMS, &postgres.PollInterval},
	} {
		if t.given != nil && *t.given <= 0 {
			return StoreOptions{}, atLeastOne(t.name)
		}
		*t.into = timeLimit(t.given)
	}
	postgres.ReadOnly = dto.ReadOnly != nil && *dto.ReadOnly
	postgres.LockTimeout = timeLimit(dto.LockTimeoutMS)
	switch given := dto.IndexBytesMax; {
	case given == nil:
	case *given == 0:
		postgres.IndexBytesMax = -1 // in Go, 0 stands for the default
	default:
		postgres.IndexBytesMax = int(min(*given, math.MaxInt))
	}
	if err := setLimits([]limit{{"connections_max", dto.ConnectionsMax, &postgres.ConnectionsMax}}); err != nil {
		return StoreOptions{}, err
	}
	return options, nil
}
