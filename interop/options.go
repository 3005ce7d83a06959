package interop

import (
	"math"
	"slices"
	"time"

	"github.com/goccy/go-json"

	factstr "github.com/factstr/factstr-go/core"
)

// StoreOptions are the options with which a store is opened.
type StoreOptions struct {
	Store factstr.Options
	Codec Codec
	// BusyTimeout, FullFsync, ReadOnly and MaxPageCount belong to the SQLite store. Only tests set
	// MaxPageCount, to run into a full disk.
	BusyTimeout  time.Duration
	FullFsync    bool
	ReadOnly     bool
	MaxPageCount int
	Postgres     PostgresOptions
}

// ProcessSettings hold for the whole process; 0 leaves a setting as it is.
type ProcessSettings struct {
	MemoryLimitBytes int64
	ProcessorsMax    int
}

var (
	commonOptions = []field{
		{name: "close_timeout_ms", shape: signedShape},
		{name: "queue_timeout_ms", shape: signedShape},
		{name: "sequence_numbers", shape: &shape{kind: text, choices: []string{"number", "string"}}},
		{name: "payload_bytes_max", shape: unsignedShape},
		{name: "batch_events_max", shape: unsignedShape},
		{name: "batch_bytes_max", shape: unsignedShape},
		{name: "predicate_bytes_max", shape: unsignedShape},
		{name: "result_bytes_max", shape: unsignedShape},
	}
	memoryOptionsShape = optionsShape()
	sqliteOptionsShape = optionsShape(
		field{name: "busy_timeout_ms", shape: signedShape},
		field{name: "full_fsync", shape: boolShape},
		field{name: "read_only", shape: boolShape},
		field{name: "testing_max_page_count", shape: unsignedShape},
	)
	settingsShape = &shape{kind: object, fields: []field{
		{name: "memory_limit_bytes", shape: unsignedShape},
		{name: "processors_max", shape: unsignedShape},
	}}
)

func optionsShape(more ...field) *shape {
	return &shape{kind: object, fields: slices.Concat(commonOptions, more)}
}

// DecodeMemoryOptions reads the options of a memory store; nil asks for the defaults.
func DecodeMemoryOptions(request []byte) (StoreOptions, error) {
	return decodeOptions(request, memoryOptionsShape)
}

// DecodeSQLiteOptions reads the options of a SQLite store; nil asks for the defaults.
func DecodeSQLiteOptions(request []byte) (StoreOptions, error) {
	return decodeOptions(request, sqliteOptionsShape)
}

func decodeOptions(request []byte, want *shape) (StoreOptions, error) {
	if request == nil {
		return StoreOptions{}, nil
	}
	if err := scan("options", request, optionsDepth, want, nil); err != nil {
		return StoreOptions{}, err
	}
	var dto struct {
		CloseTimeoutMS  *int64  `json:"close_timeout_ms"`
		QueueTimeoutMS  *int64  `json:"queue_timeout_ms"`
		SequenceNumbers *string `json:"sequence_numbers"`
		PayloadBytesMax *uint64 `json:"payload_bytes_max"`
		BatchEventsMax  *uint64 `json:"batch_events_max"`
		BatchBytesMax   *uint64 `json:"batch_bytes_max"`
		PredicatesMax   *uint64 `json:"predicate_bytes_max"`
		ResultBytesMax  *uint64 `json:"result_bytes_max"`
		BusyTimeoutMS   *int64  `json:"busy_timeout_ms"`
		FullFsync       *bool   `json:"full_fsync"`
		ReadOnly        *bool   `json:"read_only"`
		MaxPageCount    *uint64 `json:"testing_max_page_count"`
	}
	if err := json.Unmarshal(request, &dto); err != nil {
		return StoreOptions{}, unfilled("options", err)
	}
	var options StoreOptions
	options.Codec.NumbersAsStrings = dto.SequenceNumbers != nil && *dto.SequenceNumbers == "string"
	options.Store.CloseTimeout = timeLimit(dto.CloseTimeoutMS)
	options.Store.QueueTimeout = timeLimit(dto.QueueTimeoutMS)
	options.BusyTimeout = timeLimit(dto.BusyTimeoutMS)
	options.ReadOnly = dto.ReadOnly != nil && *dto.ReadOnly
	options.FullFsync = dto.FullFsync != nil && *dto.FullFsync
	if err := setLimits([]limit{
		{"payload_bytes_max", dto.PayloadBytesMax, &options.Store.Limits.PayloadBytesMax},
		{"batch_events_max", dto.BatchEventsMax, &options.Store.Limits.BatchEventsMax},
		{"batch_bytes_max", dto.BatchBytesMax, &options.Store.Limits.BatchBytesMax},
		{"predicate_bytes_max", dto.PredicatesMax, &options.Store.Limits.PredicateBytesMax},
		{"result_bytes_max", dto.ResultBytesMax, &options.Store.Limits.ResultBytesMax},
		{"testing_max_page_count", dto.MaxPageCount, &options.MaxPageCount},
	}); err != nil {
		return StoreOptions{}, err
	}
	return options, nil
}

// limit is an option that is a number of at least 1.
type limit struct {
	name  string
	given *uint64
	into  *int
}

func setLimits(limits []limit) error {
	for _, l := range limits {
		if l.given == nil {
			continue
		}
		if *l.given == 0 {
			return atLeastOne(l.name)
		}
		*l.into = int(min(*l.given, math.MaxInt))
	}
	return nil
}

func atLeastOne(name string) error {
	return factstr.NewError(factstr.CodeInvalidArgument, "options.%s must be at least 1; leave it out for the default", name)
}

// DecodeSettings reads the settings of the process; nil changes nothing.
func DecodeSettings(request []byte) (ProcessSettings, error) {
	if request == nil {
		return ProcessSettings{}, nil
	}
	if err := scan("options", request, optionsDepth, settingsShape, nil); err != nil {
		return ProcessSettings{}, err
	}
	var dto struct {
		MemoryLimitBytes *uint64 `json:"memory_limit_bytes"`
		ProcessorsMax    *uint64 `json:"processors_max"`
	}
	if err := json.Unmarshal(request, &dto); err != nil {
		return ProcessSettings{}, unfilled("options", err)
	}
	var settings ProcessSettings
	if dto.MemoryLimitBytes != nil {
		if *dto.MemoryLimitBytes == 0 {
			return settings, factstr.NewError(factstr.CodeInvalidArgument, "options.memory_limit_bytes must be at least 1; leave it out for no limit")
		}
		settings.MemoryLimitBytes = int64(min(*dto.MemoryLimitBytes, math.MaxInt64))
	}
	if dto.ProcessorsMax != nil {
		if *dto.ProcessorsMax == 0 {
			return settings, factstr.NewError(factstr.CodeInvalidArgument, "options.processors_max must be at least 1; leave it out for all processors")
		}
		settings.ProcessorsMax = int(min(*dto.ProcessorsMax, math.MaxInt32))
	}
	return settings, nil
}

// timeLimit converts milliseconds: 0 does not wait, a negative value waits without limit, and nil
// is the default.
func timeLimit(ms *int64) time.Duration {
	switch {
	case ms == nil:
		return 0
	case *ms == 0:
		return 1
	case *ms < 0 || *ms > math.MaxInt64/int64(time.Millisecond):
		return math.MaxInt64
	default:
		return time.Duration(*ms) * time.Millisecond
	}
}
