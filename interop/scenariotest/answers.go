package scenariotest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/jsonvalue"
	"github.com/factstr/factstr-go/interop"
)

// record is a fact as the files spell it: without occurred_at, which no file can know.
type record struct {
	SequenceNumber uint64          `json:"sequence_number"`
	EventType      string          `json:"event_type"`
	Payload        json.RawMessage `json:"payload"`
}

type queryResult struct {
	EventRecords               []record `json:"event_records"`
	LastReturnedSequenceNumber *uint64  `json:"last_returned_sequence_number"`
	CurrentContextVersion      *uint64  `json:"current_context_version"`
}

// failure is an error that a file expects; fields that it leaves out are not compared.
type failure struct {
	Code     string          `json:"code"`
	Reason   string          `json:"reason"`
	Conflict json.RawMessage `json:"conflict"`
	Says     string          `json:"says"` // part of the message
}

// normalEnd is the code for a stream that ended without an error.
const normalEnd = "Ok"

func (f *failure) check(err error) error {
	if err == nil {
		if f.Code == normalEnd {
			return nil
		}
		return fmt.Errorf("no error, want %s", f.Code)
	}
	if got := string(factstr.CodeOf(err)); got != f.Code {
		return fmt.Errorf("code %s, want %s: %w", got, f.Code, err)
	}
	var known *factstr.Error
	if !errors.As(err, &known) || known.Message == "" {
		return fmt.Errorf("the error has no message: %w", err)
	}
	if f.Reason != "" && f.Reason != string(known.Reason) {
		return fmt.Errorf("reason %q, want %q: %w", known.Reason, f.Reason, err)
	}
	if !strings.Contains(known.Message, f.Says) {
		return fmt.Errorf("the message does not say %q: %w", f.Says, err)
	}
	if f.Conflict == nil {
		return nil
	}
	var dto interop.InteropError
	if err := json.Unmarshal(interop.Codec{}.AppendError(nil, err), &dto); err != nil {
		return err
	}
	var want interop.InteropConditionalAppendConflict
	if err := decodeStrictly(f.Conflict, &want); err != nil {
		return err
	}
	if dto.Conflict == nil || !same(dto.Conflict.ExpectedContextVersion, want.ExpectedContextVersion) ||
		!same(dto.Conflict.ActualContextVersion, want.ActualContextVersion) ||
		!same(dto.Conflict.ConditionIndex, want.ConditionIndex) {
		return fmt.Errorf("another conflict than %s: %w", f.Conflict, err)
	}
	return nil
}

func checkAppendResult(answer, gives []byte) error {
	var got, want interop.InteropAppendResult
	if err := decodeBoth(answer, &got, gives, &want); err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("answered %s, want %s", answer, gives)
	}
	return nil
}

func checkQueryResult(answer, gives []byte) error {
	var got interop.InteropQueryResult
	var want queryResult
	if err := decodeBoth(answer, &got, gives, &want); err != nil {
		return err
	}
	if !same(got.LastReturnedSequenceNumber, want.LastReturnedSequenceNumber) || !same(got.CurrentContextVersion, want.CurrentContextVersion) {
		return fmt.Errorf("answered %s, want %s", answer, gives)
	}
	return checkRecords(got.EventRecords, want.EventRecords)
}

// explanation is what every store says alike of a query.
type explanation struct {
	Plan                  factstr.QueryPlan `json:"plan"`
	Matches               uint64            `json:"matches"`
	CurrentContextVersion *uint64           `json:"current_context_version"`
}

func checkExplanation(answer, gives []byte) error {
	var got interop.InteropExplanation
	var want explanation
	if err := decodeBoth(answer, &got, gives, &want); err != nil {
		return err
	}
	if got.Plan != want.Plan || got.Matches != want.Matches ||
		!same(got.CurrentContextVersion, want.CurrentContextVersion) {
		return fmt.Errorf("answered %s, want %s", answer, gives)
	}
	if got.Candidates < got.Matches || got.RowsRead < got.Candidates {
		return fmt.Errorf("more matches than candidates, or than rows: %s", answer)
	}
	return nil
}

func checkRows(answer, gives []byte) error {
	var got interop.InteropPage
	var want struct {
		EventRecords []record `json:"event_records"`
	}
	if err := decodeBoth(answer, &got, gives, &want); err != nil {
		return err
	}
	return checkRecords(got.EventRecords, want.EventRecords)
}

// verification is what every store says alike of a log.
type verification struct {
	Head         uint64                       `json:"head"`
	Facts        uint64                       `json:"facts"`
	Batches      uint64                       `json:"batches"`
	Cursors      uint64                       `json:"cursors"`
	Findings     []map[string]json.RawMessage `json:"findings"`
	FindingsMore uint64                       `json:"findings_more"`
}

func checkVerification(answer, gives []byte) error {
	var got interop.InteropVerification
	var want verification
	if err := decodeBoth(answer, &got, gives, &want); err != nil {
		return err
	}
	if got.Head != want.Head || got.Facts != want.Facts || got.Batches != want.Batches || got.Cursors != want.Cursors ||
		len(got.Findings) != len(want.Findings) || got.FindingsMore != want.FindingsMore {
		return fmt.Errorf("answered %s, want %s", answer, gives)
	}
	var found struct {
		Findings []map[string]json.RawMessage `json:"findings"`
	}
	if err := json.Unmarshal(answer, &found); err != nil {
		return err
	}
	for i, wanted := range want.Findings {
		if err := checkFinding(found.Findings[i], wanted); err != nil {
			return fmt.Errorf("finding %d: %w: %s", i+1, err, answer)
		}
	}
	return nil
}

// checkFinding compares the fields that a file names; says is a part of the message.
func checkFinding(got, want map[string]json.RawMessage) error {
	var message, says string
	if err := json.Unmarshal(got["message"], &message); err != nil {
		return err
	}
	if text, given := want["says"]; given {
		if err := json.Unmarshal(text, &says); err != nil {
			return err
		}
		want = maps.Clone(want)
		delete(want, "says")
	}
	if message == "" || !strings.Contains(message, says) {
		return fmt.Errorf("the message does not say %q", says)
	}
	return checkNamed(got, want)
}

func checkBackup(answer, gives []byte) error {
	var got interop.InteropBackup
	var want struct {
		Head uint64 `json:"head"`
	}
	if err := decodeBoth(answer, &got, gives, &want); err != nil {
		return err
	}
	if got.Head != want.Head || got.Bytes == 0 {
		return fmt.Errorf("answered %s, want %s", answer, gives)
	}
	return nil
}

func checkBatch(batch []byte, want []record) error {
	var got []interop.InteropEventRecord
	if err := decodeStrictly(batch, &got); err != nil {
		return fmt.Errorf("%s: %w", batch, err)
	}
	return checkRecords(got, want)
}

func checkRecords(got []interop.InteropEventRecord, want []record) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d records, want %d: %v", len(got), len(want), got)
	}
	for i := range want {
		g, w := got[i], want[i]
		if g.SequenceNumber != w.SequenceNumber || g.EventType != w.EventType ||
			!jsonvalue.Equal(g.Payload, w.Payload) {
			return fmt.Errorf("record %d is %d %q %s, want %d %q %s", i, g.SequenceNumber, g.EventType, g.Payload, w.SequenceNumber, w.EventType, w.Payload)
		}
		if g.OccurredAt == "" {
			return fmt.Errorf("record %d has no occurred_at", i)
		}
	}
	return nil
}

func decodeBoth(answer []byte, got any, gives []byte, want any) error {
	if err := decodeStrictly(answer, got); err != nil {
		return fmt.Errorf("the answer %s: %w", answer, err)
	}
	if err := decodeStrictly(gives, want); err != nil {
		return fmt.Errorf("gives %s: %w", gives, err)
	}
	return nil
}

func same[N comparable](a, b *N) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// cursorShape is a durable cursor as the files spell it: of ages they know only whether they are
// above 0, of holders whether there is one.
type cursorShape struct {
	Name      string          `json:"name"`
	Query     json.RawMessage `json:"query"`
	Cursor    uint64          `json:"cursor"`
	LagEvents uint64          `json:"lag_events"`
	Waits     bool            `json:"waits"`
	Held      bool            `json:"held"`
	Parked    uint64          `json:"parked"`
}

func checkCursors(answer, gives []byte) error {
	var got struct {
		Cursors []interop.InteropCursor `json:"cursors"`
	}
	if err := decodeStrictly(answer, &got); err != nil {
		return err
	}
	var want struct {
		Cursors []cursorShape `json:"cursors"`
	}
	if err := decodeStrictly(gives, &want); err != nil {
		return err
	}
	if len(got.Cursors) != len(want.Cursors) {
		return fmt.Errorf("got %s", answer)
	}
	for i, one := range got.Cursors {
		expected := want.Cursors[i]
		if one.Name != expected.Name || one.Cursor != expected.Cursor || one.LagEvents != expected.LagEvents ||
			(*one.LagSeconds > 0) != expected.Waits || (one.HeldBy != nil) != expected.Held ||
			one.Parked != expected.Parked ||
			!jsonvalue.Equal(one.Query, expected.Query) {
			return fmt.Errorf("got %s", answer)
		}
	}
	return nil
}

// checkParked compares parked batches without what the handler said, and when.
func checkParked(answer, gives []byte) error {
	var got, want struct {
		Parked []interop.InteropParkedBatch `json:"parked"`
	}
	if err := decodeStrictly(answer, &got); err != nil {
		return err
	}
	if err := decodeStrictly(gives, &want); err != nil {
		return err
	}
	for i := range got.Parked {
		if got.Parked[i].Error == "" || got.Parked[i].ParkedAt == "" {
			return fmt.Errorf("a parked batch has no reason or no time: %s", answer)
		}
		got.Parked[i].Error, got.Parked[i].ParkedAt = "", ""
	}
	if !slices.Equal(got.Parked, want.Parked) {
		return fmt.Errorf("got %s", answer)
	}
	return nil
}

func checkSame(answer, gives []byte) error {
	if !jsonvalue.Equal(answer, gives) {
		return fmt.Errorf("got %s", answer)
	}
	return nil
}
