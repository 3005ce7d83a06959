package scenariotest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/factstr/factstr-go/core/jsonvalue"
)

// checkStatistics compares the fields that a file names, in each stream, too. Of sizes in bytes a
// file says only whether there is something.
func checkStatistics(answer, gives []byte) error {
	var got, want map[string]json.RawMessage
	if err := json.Unmarshal(answer, &got); err != nil {
		return err
	}
	if err := json.Unmarshal(gives, &want); err != nil {
		return err
	}
	if want["streams"] != nil {
		if err := checkStreamStatistics(got["streams"], want["streams"]); err != nil {
			return fmt.Errorf("%w: %s", err, answer)
		}
		delete(want, "streams")
	}
	if err := checkNamed(got, want); err != nil {
		return fmt.Errorf("%w: %s", err, answer)
	}
	return nil
}

func checkStreamStatistics(answer, gives []byte) error {
	var got, want []map[string]json.RawMessage
	if err := json.Unmarshal(answer, &got); err != nil {
		return err
	}
	if err := json.Unmarshal(gives, &want); err != nil {
		return err
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d streams, want %d", len(got), len(want))
	}
	for i := range want {
		if err := checkNamed(got[i], want[i]); err != nil {
			return fmt.Errorf("stream %d: %w", i+1, err)
		}
	}
	return nil
}

func checkNamed(got, want map[string]json.RawMessage) error {
	for name, value := range want {
		is, found := got[name]
		switch {
		case !found:
			return fmt.Errorf("there is no %s", name)
		case strings.HasSuffix(name, "_bytes"):
			something := fmt.Sprint(string(is) != "null" && string(is) != "0")
			if something != string(value) {
				return fmt.Errorf("%s is %s, and whether there is something was to be %s", name, is, value)
			}
		case !jsonvalue.Equal(is, value):
			return fmt.Errorf("%s is %s, want %s", name, is, value)
		}
	}
	return nil
}
