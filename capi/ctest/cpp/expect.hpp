/* What the tests of factstr.hpp share. */
#ifndef EXPECT_HPP
#define EXPECT_HPP

#include <factstr.hpp>

void expect(bool holds, const char *what);

template <typename Call> factstr_status status_of(Call call) {
  try {
    call();
    return FACTSTR_OK;
  } catch (const factstr::error &e) {
    return e.status();
  }
}

inline bool has(const std::string &text, const char *part) {
  return text.find(part) != std::string::npos;
}

const char deposit[] = R"([{"event_type":"Deposited","payload":{"account":"a"}}])";
const char of_a[] = R"({"filters":[{"payload_predicates":[{"account":"a"}]}]})";

/* short_of_memory.cpp */
void short_of_memory();

#endif
