// Declare: asks a plugin what it would add, without letting it into a server: its start() runs in a child process of
// seconds that may read files and compute, and nothing else; the host that it talks to only writes down what it is asked.
//
// Invariants: the child has no descriptor but the plugin's and the one it answers on, no environment, no network, no
//   threads, no way to write or start anything; another system call ends it and is named.
// Threads: any one at a time.
#pragma once
#include <string>
#include <vector>

#include "core/base/error.hpp"

namespace keelson::plugins {

/// A start that takes longer is ended.
inline constexpr int kDeclareDeadline_ms = 20'000;
inline constexpr std::uint64_t kDeclareMemoryBytesMax = 4ull << 30;
inline constexpr unsigned kDeclareCpu_s = 10;

/// The reason when the plugin did what it may not here, so that nobody knows what it would do in a server.
inline constexpr const char* kUnknown = "Unknown";

struct Declared {
  std::string name, version, abi;      ///< as its table says
  std::string json;                    ///< the declaration; empty when there is none
  std::vector<std::string> config;     ///< keys of the configuration that it asked for
  std::vector<std::string> metrics;
  std::string reason, message;         ///< why there is no declaration
};

/// `content` of the library; `program` is this executable, which has to call declare_main() when it is given kDeclareCommand.
Declared declare_in_child(const std::string& file_name, const std::string& content, const std::string& program);
inline constexpr const char* kDeclareCommand[] = {"plugin", "declare"};

/// The child: reads the plugin from descriptor 3, answers on 4. `name` is the file's, for messages.
int declare_main(const std::string& name);

}  // namespace keelson::plugins
