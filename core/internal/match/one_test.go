package match

// compile prepares one predicate.
func compile(text []byte) (*predicate, error) {
	p := new(predicate)
	if err := p.root.compile(text); err != nil {
		return nil, err
	}
	p.prepareSearch()
	return p, nil
}

// Match is matchWithin without a bound.
func (p *predicate) Match(payload []byte) bool {
	return p.matchWithin(payload, &Work{left: Unlimited})
}

// Match is MatchWithin without a bound.
func (a *Any) Match(payload []byte) bool {
	return a.MatchWithin(payload, &Work{left: Unlimited})
}
