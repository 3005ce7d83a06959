package main

// #include "bridge.h"
import "C"

import (
	"strings"
	"time"

	factstr "github.com/factstr/factstr-go/core"

	"github.com/factstr/factstr-go/capi/internal/objects"
	"github.com/factstr/factstr-go/interop"
)

// streamCallbacks wraps the caller's functions. It copies the struct, which the caller may free
// after the call.
func streamCallbacks(store C.factstr_store, given *C.factstr_stream_callbacks, userData C.uintptr_t) objects.Callbacks {
	if given == nil {
		return objects.Callbacks{}
	}
	functions := new(C.factstr_stream_callbacks)
	*functions = *given
	var text []byte // reused from batch to batch: callbacks of one stream come one at a time
	callbacks := objects.Callbacks{
		Batches: func(stream *objects.Stream, first uint64, batches []factstr.Delivery) objects.Outcome {
			const kept = 2 << 20 // larger memory is not kept for the next batch
			if stream.TakesSeveral() {
				text = stream.AppendDeliveries(text[:0], batches)
			} else {
				text = stream.AppendDelivery(text[:0], &batches[0])
			}
			text = append(text, 0)
			pointer, length := cText(text)
			if cap(text) > kept {
				text = nil
			}
			outcome := C.fs_call_on_batch(functions, userData, store, C.factstr_stream(stream.Handle()),
				C.factstr_delivery(first), pointer, length)
			switch outcome {
			case C.FACTSTR_HANDLED:
				return objects.Handled
			case C.FACTSTR_FAILED:
				return objects.Failed
			case C.FACTSTR_PENDING:
				return objects.Pending
			default:
				return objects.Unknown
			}
		},
	}
	if functions.on_ready != nil {
		callbacks.Ready = func(stream *objects.Stream) {
			C.fs_call_on_ready(functions, userData, store, C.factstr_stream(stream.Handle()))
		}
	}
	if functions.on_end != nil {
		callbacks.End = func(stream *objects.Stream, err error) {
			handle := C.factstr_stream(stream.Handle())
			if err == nil {
				C.fs_call_on_end(functions, userData, store, handle, C.FACTSTR_OK, nil, 0)
				return
			}
			reason, length := cText(append(stream.Store().Codec().AppendError(nil, err), 0))
			C.fs_call_on_end(functions, userData, store, handle, statusOf(err), reason, length)
		}
	}
	return callbacks
}

//export go_factstr_stream_open
func go_factstr_stream_open(number C.factstr_store, registration *C.char, length C.size_t, callbacks *C.factstr_stream_callbacks, userData C.uintptr_t, into *C.factstr_stream, failure *C.factstr_buffer, wait *C.struct_fs_wait) C.factstr_status {
	return later(wait, func() C.factstr_status {
		return onStore(number, failure, func(store *objects.Store) error {
			stream, err := store.OpenStream(bytesOf(registration, length), streamCallbacks(number, callbacks, userData))
			if err != nil {
				return err
			}
			*into = C.factstr_stream(stream.Handle())
			stream.Opened()
			return nil
		})
	})
}

//export go_factstr_stream_wait_ready
func go_factstr_stream_wait_ready(number C.factstr_stream, timeout C.int64_t, inside C.int, failure *C.factstr_buffer, wait *C.struct_fs_wait) C.factstr_status {
	return nowOrLater(wait, timeout, func(timeout time.Duration, came *bool) C.factstr_status {
		return onStream(number, failure, func(stream *objects.Stream) error {
			return whetherCame(came, stream.WaitReady(timeout, inside != 0))
		})
	})
}

//export go_factstr_stream_progress
func go_factstr_stream_progress(number C.factstr_stream, out *C.factstr_buffer) C.factstr_status {
	return onStream(number, out, func(stream *objects.Stream) error {
		text := stream.Store().Codec().AppendStreamProgress(nil, stream.Number(), stream.Progress())
		if !put(out, len(text), func(dst []byte) []byte { return append(dst, text...) }) {
			return noMemory()
		}
		return nil
	})
}

//export go_factstr_stream_next
func go_factstr_stream_next(number C.factstr_stream, timeout C.int64_t, delivery *C.factstr_delivery, batch *C.factstr_buffer, wait *C.struct_fs_wait) C.factstr_status {
	return nowOrLater(wait, timeout, func(timeout time.Duration, came *bool) C.factstr_status {
		return onStream(number, batch, func(stream *objects.Stream) error {
			taken, next, err := stream.Next(timeout)
			if err != nil {
				return whetherCame(came, err)
			}
			write := func(dst []byte) []byte { return stream.AppendDelivery(dst, &next) }
			if !put(batch, interop.DeliverySize(&next), write) {
				_ = stream.Refuse(taken, "there is no memory for the batch")
				return noMemory()
			}
			*delivery = C.factstr_delivery(taken)
			return nil
		})
	})
}

//export go_factstr_stream_next_many
func go_factstr_stream_next_many(number C.factstr_stream, batchesMax C.size_t, timeout C.int64_t, first *C.factstr_delivery, count *C.size_t, out *C.factstr_buffer, wait *C.struct_fs_wait) C.factstr_status {
	return nowOrLater(wait, timeout, func(timeout time.Duration, came *bool) C.factstr_status {
		return onStream(number, out, func(stream *objects.Stream) error {
			const most = 4096
			taken, batches, err := stream.NextMany(int(min(uint64(batchesMax), most)), timeout)
			if err != nil {
				return whetherCame(came, err)
			}
			write := func(dst []byte) []byte { return stream.AppendDeliveries(dst, batches) }
			if !put(out, interop.DeliveriesSize(batches), write) {
				_ = stream.Refuse(taken, "there is no memory for the batches")
				return noMemory()
			}
			*first, *count = C.factstr_delivery(taken), C.size_t(len(batches))
			return nil
		})
	})
}

//export go_factstr_stream_advance
func go_factstr_stream_advance(number C.factstr_stream, delivery C.factstr_delivery) C.factstr_status {
	return onStream(number, nil, func(stream *objects.Stream) error {
		return stream.Advance(uint64(delivery))
	})
}

//export go_factstr_stream_acknowledge
func go_factstr_stream_acknowledge(number C.factstr_stream, delivery C.factstr_delivery) C.factstr_status {
	return onStream(number, nil, func(stream *objects.Stream) error {
		return stream.Acknowledge(uint64(delivery))
	})
}

//export go_factstr_stream_refuse
func go_factstr_stream_refuse(number C.factstr_stream, delivery C.factstr_delivery, message *C.char, length C.size_t) C.factstr_status {
	return onStream(number, nil, func(stream *objects.Stream) error {
		const most = 64 << 10 // enough for a message
		return stream.Refuse(uint64(delivery), strings.ToValidUTF8(string(bytesOf(message, min(length, most))), "\uFFFD"))
	})
}

//export go_factstr_stream_unsubscribe
func go_factstr_stream_unsubscribe(number C.factstr_stream, wait *C.struct_fs_wait) C.factstr_status {
	// Not on the caller's thread: freeing a durable name may need a round trip to the server.
	return later(wait, func() C.factstr_status {
		return onStream(number, nil, func(stream *objects.Stream) error {
			stream.Unsubscribe()
			return nil
		})
	})
}

//export go_factstr_stream_drain
func go_factstr_stream_drain(number C.factstr_stream) C.factstr_status {
	return onStream(number, nil, func(stream *objects.Stream) error {
		stream.Drain()
		return nil
	})
}

//export go_factstr_stream_close
func go_factstr_stream_close(number C.factstr_stream, inside C.int, wait *C.struct_fs_wait) C.factstr_status {
	// Not by onStream, which refuses a poisoned stream.
	stream, err := process.Stream(uint64(number))
	if err != nil {
		return statusOf(err)
	}
	return later(wait, func() C.factstr_status {
		return call(nil, func() error { return stream.Close(inside != 0) })
	})
}
