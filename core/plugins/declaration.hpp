// What a plugin declares when it starts, read from its JSON.
//
// Errors: an unreadable declaration is a refusal; the message says what is wrong with it. Threads: values.
#pragma once
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/base/atom.hpp"
#include "core/base/error.hpp"

namespace keelson::plugins {

/// Most workers that one controller may ask for.
inline constexpr int kWorkersMax = 256;
/// A call without a deadline of its own counts as cancelled after this long ...
inline constexpr std::int64_t kCallDeadline_ms = 5 * 60 * 1000;
/// ... and as stuck when it has not returned this much later.
inline constexpr std::int64_t kCallGrace_ms = 30'000;

struct KindId {
  std::string group, version, resource, kind;
  base::Atom storage_key() const { return base::Atom(base::qualified(group, resource)); }
};

struct SourceDeclaration {
  enum class Via { self, owner, map } via = Via::self;
  KindId kind;
  base::Atom resource;
  bool predicate = false;
};

struct ControllerDeclaration {
  std::string name;
  std::optional<KindId> kind;
  base::Atom resource;
  int workers = 1;
  std::int64_t deadline_ms = kCallDeadline_ms;
  std::vector<SourceDeclaration> sources;
};

struct ObserverDeclaration {
  bool all = false;
  base::Atom resource;
};

struct RouteDeclaration {
  KindId kind;
  std::string subresource;
};

struct Declaration {
  std::vector<std::string> kinds;                 ///< CRDs, JSON or YAML
  std::vector<ControllerDeclaration> controllers;
  std::vector<ObserverDeclaration> observers;
  std::vector<std::string> tasks;
  std::vector<RouteDeclaration> routes;
  bool check = false;
  std::string component;
  std::vector<std::string> needs;                 ///< capabilities
};

base::Outcome<Declaration> parse_declaration(std::string_view json);

}  // namespace keelson::plugins
