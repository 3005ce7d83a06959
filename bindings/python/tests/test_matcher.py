from __future__ import annotations

import json
import unittest

from support import ROOT, StoreCase, numbers, on_every_store

VECTORS = ROOT / "interop" / "testdata" / "matcher" / "vectors.json"


@on_every_store
class Matcher(StoreCase):
    def test_every_vector_matches_or_not_as_expected(self) -> None:  # G12 G13 G14
        vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
        self.assertGreater(len(vectors), 0)
        # As text: values of Python keep neither the spelling of numbers nor duplicate keys.
        events = ",".join(
            f'{{"event_type":"{index}","payload":{vector["payload"]}}}'
            for index, vector in enumerate(vectors)
        )
        self.raw_append(f"[{events}]".encode())
        for index, vector in enumerate(vectors):
            with self.subTest(vector["name"]):
                filter_ = (
                    f'{{"event_types":["{index}"],"payload_predicates":[{vector["predicate"]}]}}'
                )
                found = numbers(self.raw_query(f'{{"filters":[{filter_}]}}'.encode()))
                self.assertEqual(found, [index + 1] if vector["matches"] else [])


if __name__ == "__main__":
    unittest.main()
