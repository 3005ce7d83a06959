//go:build unix && !linux

package main

import "errors"

func dropPageCache(string) error {
	return errors.New("this system has no way to drop the pages of a file")
}
