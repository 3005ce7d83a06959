//go:build !unix

package postgres

func (w *announcedConn) over() bool { return false }
