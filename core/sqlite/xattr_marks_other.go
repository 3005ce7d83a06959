//go:build !linux

package sqlite

import "errors"

func mark(int, string) string { return "" }

func setMark(int, string, string) error { return errors.ErrUnsupported }

func removeMark(int, string) error { return errors.ErrUnsupported }

func setMarkAt(string, string, string) error { return errors.ErrUnsupported }

func markAt(string, string) string { return "" }
