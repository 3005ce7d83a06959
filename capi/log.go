package main

// #include "bridge.h"
import "C"

import (
	"log/slog"

	"github.com/factstr/factstr-go/capi/internal/guard"
	"github.com/factstr/factstr-go/capi/internal/hostlog"
)

// hostLog takes the log records of all stores of the process.
var hostLog = new(hostlog.Log)

func init() {
	hostLog.Set(slog.LevelWarn, true, writeLine, false)
	guard.Observe(hostLog.Process())
}

// writeLine writes to standard error. It does not use os.Stderr, where a closed pipe would end the
// host by SIGPIPE.
func writeLine(line []byte) {
	text, length := cText(append(line, 0))
	C.fs_write_stderr(text, length)
}

//export go_factstr_log_set
func go_factstr_log_set(callback C.factstr_log_callback, userData C.uintptr_t, level C.int32_t, inside C.int, wait *C.struct_fs_wait) C.factstr_status {
	return later(wait, func() C.factstr_status {
		return call(nil, func() error {
			write := writeLine
			if callback != nil {
				write = func(record []byte) {
					text, length := cText(append(record, 0))
					C.fs_call_log(callback, userData, text, length)
				}
			}
			hostLog.Set(levelOf(level), callback == nil, write, inside != 0)
			return nil
		})
	})
}

func levelOf(level C.int32_t) slog.Level {
	switch level {
	case C.FACTSTR_LOG_INFO:
		return slog.LevelInfo
	case C.FACTSTR_LOG_WARNING:
		return slog.LevelWarn
	case C.FACTSTR_LOG_ERROR:
		return slog.LevelError
	}
	return hostlog.Off
}
