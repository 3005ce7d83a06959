// How every command is carried out: once, however often it is sent.
import { Refused, type Context, type Fact, type NewFact, type Store } from './facts.js';

/**
 * Appends the fact of a command if the rule allows it, unless it is there already. The context has
 * the facts that the rule needs, and those with the command's id: so of two processes that carry
 * out the same command at once, one appends, and the other one finds what it did.
 */
export async function once(
  store: Store,
  fact: NewFact,
  context: Context,
  rule: (facts: Fact[]) => void,
): Promise<string> {
  const { command } = fact.payload;
  let earlier: Fact | undefined;
  const done = await store.decide(
    { filters: [...context, { payload_predicates: [{ command }] }] },
    ({ event_records }) => {
      earlier = event_records.find(({ payload }) => payload.command === command);
      if (earlier) return undefined;
      rule(event_records);
      return [fact];
    },
  );
  if (done) return `fact ${done.first_sequence_number}`;
  if (!earlier || !same(earlier, fact)) {
    throw new Refused(`${command} is the id of another command`);
  }
  return `done before: fact ${earlier.sequence_number}`;
}

function same(earlier: Fact, fact: NewFact): boolean {
  const before = new Map(Object.entries(earlier.payload));
  return (
    earlier.event_type === fact.event_type &&
    Object.entries(fact.payload).every(([name, value]) => before.get(name) === value)
  );
}

/** Fails for a name or an amount that no slice can use. */
export function checked(amount: string, ...names: string[]): number {
  if (names.includes('')) throw new Refused('a name must not be empty');
  const cents = Number(amount);
  if (!/^\d+$/.test(amount) || !Number.isSafeInteger(cents) || cents === 0) {
    throw new Refused(`an amount is a whole number of cents above 0, not ${amount}`);
  }
  return cents;
}
