"""Helps to test the code that uses a store: given some facts, when a command runs, then it appended
these facts or raised that error.

    def test_a_full_course_takes_nobody():
        given(fact("Enrolled", {"student": "Ada"})).when(enrol, "Ben").then_raises(Full)

The store is in memory and keeps the same contract as the others, so what holds for conditions and
streams there holds on SQLite and PostgreSQL. With pytest, the plugin factstr.testing.fixtures has
`factstr_store` and `given` as fixtures; nothing here needs pytest.
"""

from ._scenario import Scenario, fact, given

__all__ = ["Scenario", "fact", "given"]
