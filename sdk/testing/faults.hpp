// What can go wrong in a test's server, by its seed. Threads: values.
#pragma once
#include <chrono>

namespace keelson::testing {

struct Faults {
  /// Share of the writes, 0 to 1, that are told somebody else was faster: conditional ones answer 409, others try again.
  double conflicts = 0;
  /// How long each write takes to be stored.
  std::chrono::nanoseconds write_delay{0};
};

}  // namespace keelson::testing
