// Broken: a promise that was not kept; what() says which. Ends the run of its seed.
#pragma once
#include <stdexcept>

namespace keelson::simulation {

struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace keelson::simulation
