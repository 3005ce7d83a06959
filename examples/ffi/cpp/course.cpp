/*
 * FACTSTR from C++17, with the RAII header: course [DATABASE]
 *
 *   c++ -std=c++17 course.cpp -lfactstr -o course
 */
#include <factstr.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <regex>
#include <string>

/* Enough for the texts here; use the JSON library that your program has. */
static int count(const std::string &json, const std::string &pattern) {
  const std::regex expression(pattern);
  return static_cast<int>(
      std::distance(std::sregex_iterator(json.begin(), json.end(), expression), {}));
}

static std::optional<std::uint64_t> version(const std::string &result) {
  std::smatch found;
  if (!std::regex_search(result, found, std::regex(R"("current_context_version":(\d+))")))
    return std::nullopt;
  return std::stoull(found[1]);
}

// #region enrol

/* A course takes two students, and each of them once, whoever else enrols meanwhile. */
static std::string enrol(factstr::store &store, const std::string &student) {
  const std::string seats =
      R"({"filters":[{"event_types":["Enrolled"],"payload_predicates":[{"course":"go"}]}]})";
  for (;;) {
    const std::string seen = store.query(seats);
    if (count(seen, "\"student\":\"" + student + "\"") > 0)
      return "is in already";
    if (count(seen, "\"event_type\":\"Enrolled\"") >= 2)
      return "finds the course full";
    try {
      store.append_if(R"([{"event_type":"Enrolled","payload":{"course":"go","student":")" +
                          student + "\"}}]",
                      seats, version(seen));
      return "is enrolled";
    } catch (const factstr::conflict &) { // others were faster: look again
    }
  }
}

// #endregion

int main(int argc, char **argv) {
  try {
    auto store = factstr::store::sqlite(argc > 1 ? argv[1] : "course.db");
    for (const char *student : {"Ada", "Ben", "Ben", "Cleo"})
      std::cout << student << " " << enrol(store, student) << "\n";

    // What the stream has handled is remembered under its name: a second run gets nothing.
    auto stream = store.open_stream(R"({"durable":{"name":"list"}})");
    int students = 0;
    while (!stream.wait_ready(0)) {
      if (auto batch = stream.next(100)) {
        students += count(batch->text(), "\"event_type\":\"Enrolled\"");
        batch->acknowledge();
      }
    }
    std::cout << "new on the list: " << students << "\n";
    return EXIT_SUCCESS;
  } catch (const std::exception &e) {
    std::cerr << e.what() << "\n";
    return EXIT_FAILURE;
  }
}
