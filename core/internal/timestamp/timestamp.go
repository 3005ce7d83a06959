// Package timestamp writes the times of batches.
package timestamp

import "time"

// Format writes YYYY-MM-DDTHH:MM:SS.ffffffZ for a UTC time of the years 0 to 9999. The time
// package, which interprets a layout, would take a third of an append to memory.
func Format(t time.Time) string {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	text := []byte("0000-00-00T00:00:00.000000Z")
	digits(text[0:4], year)
	digits(text[5:7], int(month))
	digits(text[8:10], day)
	digits(text[11:13], hour)
	digits(text[14:16], minute)
	digits(text[17:19], second)
	digits(text[20:26], t.Nanosecond()/1000)
	return string(text)
}

func digits(into []byte, number int) {
	for i := len(into) - 1; i >= 0; i-- {
		into[i] = byte('0' + number%10)
		number /= 10
	}
}
