package postgres

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// deadAfter and the keepalives below make a server that was cut off fail within some seconds,
// whether something was sent to it or is awaited from it.
const deadAfter = 5 * time.Second

func dialer() *net.Dialer {
	return &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 2 * time.Second, Interval: time.Second, Count: 3},
		Control: func(network, _ string, conn syscall.RawConn) error {
			if network == "unix" {
				return nil
			}
			var failure error
			err := conn.Control(func(descriptor uintptr) {
				failure = unix.SetsockoptInt(int(descriptor), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT,
					int(deadAfter.Milliseconds()))
			})
			if err == nil {
				err = failure
			}
			return err
		},
	}
}
