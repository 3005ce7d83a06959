package factstr

// querySize is how much a query asks for, or all conditions of an append together: what one caller
// may ask for at once has the same bounds in both.
type querySize struct {
	filters, types, predicates int
	typeBytes, predicateBytes  int
}

func sizeOf(query EventQuery) (size querySize) {
	size.filters = len(query.Filters)
	for _, filter := range query.Filters {
		size.types += len(filter.EventTypes)
		size.predicates += len(filter.PayloadPredicates)
		for _, eventType := range filter.EventTypes {
			size.typeBytes += len(eventType)
		}
		for _, predicate := range filter.PayloadPredicates {
			size.predicateBytes += len(predicate)
		}
	}
	return size
}

func sizeOfConditions(conditions []AppendCondition) (size querySize) {
	for i := range conditions {
		each := sizeOf(conditions[i].FailIfEventsMatch)
		size.filters += each.filters
		size.types += each.types
		size.predicates += each.predicates
		size.typeBytes += each.typeBytes
		size.predicateBytes += each.predicateBytes
	}
	return size
}

// within returns an error that names the first limit that is exceeded. of says whose limit it is.
func (s querySize) within(field, of string, limits Limits) error {
	for _, each := range []struct {
		count, limit int
		of           string
	}{
		{s.filters, FiltersMax, "filters"},
		{s.types, TypesMax, "event_types"},
		{s.predicates, PredicatesMax, "payload_predicates"},
	} {
		if each.count > each.limit {
			return NewError(CodeInvalidArgument, "%s: %d %s exceed the limit of %d of %s", field, each.count, each.of,
				each.limit, of)
		}
	}
	if limit := limits.PredicateBytesMax; s.predicateBytes > limit {
		return NewError(CodeInvalidArgument, "%s: payload_predicates of %d bytes exceed the limit of %d bytes of %s (predicate_bytes_max); ask for less at once",
			field, s.predicateBytes, limit, of)
	}
	return nil
}

// bytes is what the queue of appends counts for conditions: while they wait, compiled, they take a
// small multiple of their texts.
func (s querySize) bytes() int {
	const each = 64 // of a type or a predicate, beside its text
	return s.typeBytes + s.predicateBytes + each*(s.types+s.predicates)
}
