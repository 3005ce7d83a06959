//go:build !unix

package postgres

func (w *watched) over() bool { return false }
