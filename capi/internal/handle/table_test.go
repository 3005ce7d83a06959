package handle

import (
	"sync"
	"testing"
)

func TestNumbersNameOneObjectAndAreNeverUsedAgain(t *testing.T) {
	var numbers Numbers
	stores, streams := NewTable[string](&numbers), NewTable[int](&numbers)
	first := stores.Reserve()
	if first != 1 {
		t.Errorf("the first number is %d", first)
	}
	if _, ok := stores.Get(first); ok || stores.Len() != 0 {
		t.Error("a reserved number names something")
	}
	stores.Put(first, "a")
	if object, ok := stores.Get(first); !ok || object != "a" {
		t.Errorf("got %q, %v", object, ok)
	}
	if _, ok := streams.Get(first); ok {
		t.Error("a number names an object of another kind")
	}
	if !stores.Remove(first) || stores.Remove(first) {
		t.Error("a number is removed once")
	}
	if second := streams.Reserve(); second != first+1 {
		t.Errorf("the next number is %d", second)
	}
}

func TestTablesTakeManyGoroutines(t *testing.T) {
	var numbers Numbers
	table := NewTable[int](&numbers)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for range 1000 {
				number := table.Reserve()
				table.Put(number, i)
				if object, ok := table.Get(number); !ok || object != i {
					t.Errorf("got %d, %v", object, ok)
				}
				if !table.Remove(number) {
					t.Error("the number was gone")
				}
			}
		})
	}
	wait.Wait()
	if table.Len() != 0 {
		t.Errorf("%d objects are left", table.Len())
	}
}
