package interop

import (
	"math"
	"time"

	"github.com/goccy/go-json"

	factstr "github.com/factstr/factstr-go/core"
)

// Wait asks to wait until a stream has come to a sequence number.
type Wait struct {
	Stream  uint64                 // its handle; 0 with Durable
	Durable *factstr.DurableStream // the name whose cursor is waited for
	Number  uint64
	Timeout time.Duration // negative: without limit
}

// DecodeWait reads the request of factstr_wait_for.
func DecodeWait(request []byte) (Wait, error) {
	const depth = 2
	if err := scan("wait", request, depth, waitShape, nil); err != nil {
		return Wait{}, err
	}
	var dto struct {
		Stream  uint64 `json:"stream"`
		Durable *struct {
			Name string `json:"name"`
		} `json:"durable"`
		Number    uint64 `json:"number"`
		TimeoutMS *int64 `json:"timeout_ms"`
	}
	if err := json.Unmarshal(request, &dto); err != nil {
		return Wait{}, unfilled("wait", err)
	}
	wait := Wait{Stream: dto.Stream, Number: dto.Number, Timeout: -1}
	switch {
	case (dto.Stream == 0) == (dto.Durable == nil):
		return Wait{}, factstr.NewError(factstr.CodeInvalidArgument, "wait must have either stream or durable")
	case dto.Number > math.MaxInt64:
		return Wait{}, factstr.NewError(factstr.CodeInvalidArgument, "wait.number must be at most %d", int64(math.MaxInt64))
	case dto.Durable != nil:
		wait.Durable = &factstr.DurableStream{Name: dto.Durable.Name}
	}
	if ms := dto.TimeoutMS; ms != nil && *ms >= 0 {
		wait.Timeout = time.Duration(min(*ms, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
	}
	return wait, nil
}
