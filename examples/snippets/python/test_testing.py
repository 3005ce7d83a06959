import unittest
from concurrent.futures import ThreadPoolExecutor

import factstr

# The command that is tested: a course takes so many students, and each of them once.
CAPACITY = 2


def enrol(store: factstr.Store, course: str, student: str) -> str:
    answer = ""

    def decide(seen: factstr.QueryResult) -> list[factstr.NewEvent] | None:
        nonlocal answer
        students = [record.payload["student"] for record in seen.event_records]
        if student in students:
            answer = "already"
        elif len(students) >= CAPACITY:
            answer = "full"
        else:
            answer = "enrolled"
            return [factstr.NewEvent("Enrolled", {"course": course, "student": student})]
        return None

    store.decide(
        {"filters": [{"event_types": ["Enrolled"], "payload_predicates": [{"course": course}]}]},
        decide,
    )
    return answer


class Enrolment(unittest.TestCase):
    def test_a_full_course_takes_nobody(self) -> None:
        with factstr.MemoryStore() as store:
            given = [
                factstr.NewEvent("Enrolled", {"course": "go", "student": student})
                for student in ("Ada", "Ben")
            ]
            store.append(given)

            self.assertEqual(enrol(store, "go", "Cleo"), "full")

            self.assertEqual(len(store.query().event_records), len(given))

    def test_of_many_at_once_only_so_many_get_in_as_there_is_room(self) -> None:
        with factstr.MemoryStore() as store, ThreadPoolExecutor(20) as threads:
            answers = threads.map(lambda n: enrol(store, "go", f"student-{n}"), range(20))

            self.assertEqual(list(answers).count("enrolled"), CAPACITY)
