// Verify: what a plugin's file would do in a server, told without loading it into one.
//
// Threads: any one at a time. Errors: none; what cannot be found out is the verdict's reason.
#pragma once
#include <boost/json/object.hpp>
#include <set>
#include <string>
#include <vector>

#include "core/plugins/elf.hpp"
#include "core/plugins/trust.hpp"

namespace keelson::plugins {

/// What a library takes from the system that a plugin is meant to ask its host for, or that reaches outside.
struct Use {
  std::string what;                     ///< time, sleep, randomness, sockets, threads, processes
  std::vector<std::string> functions;   ///< as imported, C++ ones in words
};
std::vector<Use> uses_of(const ElfFacts& facts);

struct VerifyOptions {
  std::string program;                       ///< this executable
  std::vector<TrustedKey> keys;
  std::set<std::string> ours;                ///< SHA-256 of what needs no signature
  std::vector<std::string> directories;      ///< where namesakes may be
  std::string host;                          ///< spec.host, "": as a server chooses
};

/// {file, bytes, sha256, machine, abi, name, version, compiler, libraries, uses: {what: [function]}, kinds, controllers, observers,
/// tasks, routes, hooks, points, requires, rights, host, config, metrics, verdict: {loads, reason, message}}; what is not known is left out.
boost::json::object verify_plugin(const std::string& file, const VerifyOptions& options);
/// The same for people, one line a fact.
std::string verify_text(const boost::json::object& report);

}  // namespace keelson::plugins
