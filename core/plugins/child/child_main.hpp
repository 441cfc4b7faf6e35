// The process that one plugin runs in: loads the library inside of a sandbox, says hello, and runs what the core calls,
// each lane on a thread of its own.
//
// Descriptors: 3 the control socket, 4 the lane of the plugin's event thread, 5 the lane for requests that belong to no
// call, 6 the library. It ends when the control socket does.
#pragma once
#include <string>

#include "core/plugins/child/sandbox.hpp"

namespace keelson::plugins {

struct ChildArguments {
  std::string name;          ///< of the file, for messages
  std::uint64_t memory_bytes_max = kChildMemoryBytes;
  bool network = false;
};

/// Returns the exit status.
int run_child(const ChildArguments& arguments);

}  // namespace keelson::plugins
