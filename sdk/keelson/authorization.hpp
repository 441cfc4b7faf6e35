// Authorization: who may do what, decided by a plugin.
//
//   class Rbac : public keelson::Authorizer {
//     keelson::Verdict authorize(const keelson::AccessRequest& request) override;
//   };
//   auto rbac = setup.authorizer(std::make_unique<Rbac>());   // rbac.changed() when roles changed
//
// Invariants: asked after system:masters and the core's plugins, in order; the first that allows or denies decides, and
//   nobody's opinion is a refusal. Verdicts are kept until changed(), by those fields that mattered to them.
// Threads: inline: any thread, many at once; may not wait, so what it needs has to be at hand (an observer keeps it).
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include <keelson/hooks.hpp>

namespace keelson {

/// Borrowed for the call.
struct AccessRequest {
  std::string_view user, uid;
  std::string_view groups;                       ///< one a line
  std::string_view extra_json;                   ///< an object of lists, or ""
  std::string_view verb;                         ///< get, list, watch, create ... or the lower-case HTTP method
  std::string_view group, version, resource, subresource, ns, name;
  std::string_view path;                         ///< of what is no resource: "/metrics"
  bool is_resource() const { return path.empty(); }
  bool in_group(std::string_view name) const;
  template <class Visit> void each_group(Visit visit) const {
    for (auto rest = groups; !rest.empty();) {
      const auto end = rest.find('\n');
      visit(rest.substr(0, end));
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    }
  }
};

/// Fields of a request, to say which did not matter to a verdict.
enum class Field : std::uint64_t {
  user = 1u << KEELSON_IN_USER, uid = 1u << KEELSON_IN_UID, groups = 1u << KEELSON_IN_GROUPS, extra = 1u << KEELSON_IN_EXTRA, verb = 1u << KEELSON_IN_VERB,
  group = 1u << KEELSON_IN_GROUP, version = 1u << KEELSON_IN_VERSION, resource = 1u << KEELSON_IN_RESOURCE, subresource = 1u << KEELSON_IN_SUBRESOURCE,
  ns = 1u << KEELSON_IN_NAMESPACE, name = 1u << KEELSON_IN_NAME, path = 1u << KEELSON_IN_PATH
};

struct Verdict {
  enum class Kind { no_opinion, allow, deny } kind = Kind::no_opinion;
  std::string reason;
  std::uint64_t independent = 0;
  static Verdict allow(std::string reason = {}) { return {Kind::allow, std::move(reason), 0}; }
  static Verdict deny(std::string reason) { return {Kind::deny, std::move(reason), 0}; }
  static Verdict no_opinion(std::string reason = {}) { return {Kind::no_opinion, std::move(reason), 0}; }
  /// The verdict would be the same for any value of that field. The fewer fields matter, the more is answered from what is
  /// kept: uid, extra and version hardly ever do, the name only where a rule names names.
  Verdict& without(Field field) { independent |= static_cast<std::uint64_t>(field); return *this; }
  /// Rests on something that changed() does not announce: not kept.
  Verdict& once() { independent |= KEELSON_HOOK_DO_NOT_KEEP; return *this; }
};

class Authorizer {
 public:
  virtual ~Authorizer() = default;
  virtual Verdict authorize(const AccessRequest& request) = 0;
};

struct AuthorizerOptions {
  std::string name = "authorizer";
  int order = 0;
  /// refuse: while it cannot answer, everything that no one before it allowed is denied. ignore: it then has no opinion, and
  /// authorizers after it may still allow; right for one that only ever allows.
  OnFailure on_failure = OnFailure::refuse;
  bool required = false;
};

namespace detail {
HookOptions authorizer_hook(const AuthorizerOptions& options);
HookFunction authorizer_function(std::shared_ptr<Authorizer> authorizer);
}  // namespace detail

}  // namespace keelson
