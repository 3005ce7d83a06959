package guard

import (
	"errors"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
)

func TestAPanicBecomesAnErrorAndPoisonsTheObject(t *testing.T) {
	var poison Poison
	if err := poison.Err(); err != nil {
		t.Fatalf("a sound object returns %v", err)
	}
	err := Call(&poison, func() error { panic("on purpose") })
	if !errors.Is(err, factstr.CodeInternal) || !strings.Contains(err.Error(), "on purpose") || !strings.Contains(err.Error(), "guard_test.go") {
		t.Errorf("got %v, want the panic and where it was", err)
	}
	_ = Call(&poison, func() error { panic("a second time") })
	if err := poison.Err(); !errors.Is(err, factstr.CodeInternal) || !strings.Contains(err.Error(), "on purpose") || !strings.Contains(err.Error(), "close it") {
		t.Errorf("the poisoned object returns %v, want the first panic and what to do", err)
	}
}

func TestRuntimeErrorsArePanicsToo(t *testing.T) {
	var none []int
	err := Call(nil, func() error { none[0]++; return nil })
	if !errors.Is(err, factstr.CodeInternal) || !strings.Contains(err.Error(), "index out of range") {
		t.Errorf("got %v", err)
	}
}

func TestErrorsPassAndPoisonNothing(t *testing.T) {
	var poison Poison
	if err := Call(&poison, func() error { return factstr.CodeBusy }); err != factstr.CodeBusy {
		t.Errorf("got %v", err)
	}
	if err := Call(&poison, func() error { return nil }); err != nil || poison.Err() != nil {
		t.Errorf("got %v, %v", err, poison.Err())
	}
}
