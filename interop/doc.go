// Package interop is the boundary between FACTSTR and other languages: the DTOs as they travel in
// JSON, and the codec that reads requests into the contract's types and spells results.
//
// Requests are read strictly. A scan of our own runs over the whole text first: grammar, UTF-8,
// surrogates, U+0000, nesting, numbers, exact field names, types. Only then does goccy/go-json fill
// the DTOs, which by itself would accept all of that. Payloads stay bytes.
package interop
