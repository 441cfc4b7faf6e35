// What a plugin declares when it starts, read from its JSON.
//
// Errors: an unreadable declaration is a refusal; the message says what is wrong with it. Threads: values.
#pragma once
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/auth/rules.hpp"
#include "core/base/atom.hpp"
#include "core/base/error.hpp"
#include "core/store/store.hpp"

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
  std::string name;                      ///< only objects of this name; "": all
  bool covers(const store::Key& key) const { return key.resource == resource && (name.empty() || key.name == name); }
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
  bool deletions = false;                ///< nothing else
  bool linked = false;                   ///< of plain objects, without owners and not being deleted, only the deletions ...
  std::vector<base::Atom> whole;         ///< ... unless they are of these resources
  bool shows(const store::Change& change) const;
};

struct RouteDeclaration {
  KindId kind;                           ///< of a path without a resource
  std::string subresource;               ///< "": the resource itself, which is then one of the plugin's own
  std::string path;                      ///< below /plugins/NAME/; with '/' at its end also what is below
};

/// A worker hook that does not say otherwise has to answer within this ...
inline constexpr std::int64_t kHookDeadline_ms = 10'000;
/// ... and none has longer.
inline constexpr std::int64_t kHookDeadlineMax_ms = 30'000;
/// Where hooks stand in the admission chain that do not say otherwise: where upstream calls webhooks.
inline constexpr int kHookOrder = 36;

/// Which writes an admission hook is asked about; any rule is enough, "*" matches all.
struct HookRule {
  std::vector<std::string> operations, groups, resources;   ///< CREATE ...; "apps"; "pods", "pods/status", "pods/*", "*/*"
  bool matches(std::string_view operation, std::string_view group, std::string_view resource, std::string_view subresource) const;
};

struct HookDeclaration {
  std::uint32_t index = 0;               ///< what the plugin calls it by
  std::string point, name;
  bool is_inline = false;
  int order = kHookOrder;
  std::int64_t deadline_ms = kHookDeadline_ms;
  bool fail_closed = true;               ///< failurePolicy Fail
  bool required = false;                 ///< fails closed even without its plugin, until somebody deletes the Plugin object
  bool reinvoke = false;
  std::vector<HookRule> rules;
};

struct Declaration {
  std::vector<std::string> kinds;                 ///< CRDs, JSON or YAML
  std::vector<ControllerDeclaration> controllers;
  std::vector<ObserverDeclaration> observers;
  std::vector<std::string> tasks;
  std::vector<RouteDeclaration> routes;
  std::vector<HookDeclaration> hooks;
  std::vector<std::string> points;                ///< hook points that are its own
  auth::Rules rules;                              ///< what it asks for by name
  bool check = false;
  std::string component;
  std::vector<std::string> needs;                 ///< capabilities
};

base::Outcome<Declaration> parse_declaration(std::string_view json);
/// What a host has to offer for this plugin: what it names, and what follows from the rest. Sorted.
///   submit    writes with a completion
///   transact  several objects in one step
///   hooks     being asked in the core's work; inline: without a thread in between
///   routes    serving requests of clients
///   everything  observing objects of all kinds
///   cause     the trigger of each write is recorded
///   exact     reads at an old revision
std::vector<std::string> capabilities_needed(const Declaration& declaration);
inline constexpr std::string_view kCapabilities[] = {"cause", "everything", "exact", "hooks", "inline", "routes", "submit", "transact"};
/// "inline, which ..."; "": this server has all of them, in its core or `in_child`.
std::string capabilities_missing(const Declaration& declaration, bool in_child);
/// One entry of `hooks` as the declaration has it, and back.
std::string hook_json(const HookDeclaration& hook);
base::Outcome<HookDeclaration> parse_hook(std::string_view json);

}  // namespace keelson::plugins
