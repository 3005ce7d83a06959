// Package interop is the boundary between FACTSTR and other languages: the DTOs as they travel in
// JSON, the decoding of requests into the types of core, and the codec that writes results.
//
// Requests are read strictly, in two walks over the text. jsonvalue.Check proves grammar, UTF-8,
// surrogates, U+0000, nesting and numbers. The scan then checks exact field names and types against
// a shape, and fills in events and queries on its way (fill.go). Options, settings and the rest of
// a registration are small; goccy/go-json decodes them after the scan, which refuses what goccy
// would accept, such as field names in another case. Payloads stay bytes all the way.
package interop
