// Core: what a hosted plugin reaches of the server. All references outlive every plugin.
#pragma once
#include "core/auth/auth.hpp"
#include "core/base/metrics.hpp"
#include "core/base/runtime.hpp"
#include "core/kinds/catalog.hpp"
#include "core/plugins/declaration.hpp"
#include "core/plugins/feed.hpp"
#include "core/plugins/pass_on.hpp"
#include "core/plugins/trust.hpp"
#include "core/store/store.hpp"
#include "core/verbs/verbs.hpp"

namespace keelson::plugins {

class EventRecorder;
class Hooks;

/// What stands in for the server where there is none in this process.
class Elsewhere {
 public:
  virtual ~Elsewhere() = default;
  /// "transact", "hooks" ...: see capabilities_needed().
  virtual bool offers(std::string_view capability) const = 0;
  virtual std::string name() const = 0;
  /// Before anything of the plugin but its start() runs: its kinds exist and the store shows all that it watches, or why not.
  virtual std::optional<Refusal> prepare(const Declaration& declaration) = 0;
  /// Until the store shows this resource.
  virtual base::Outcome<void> cover(const kinds::KindRef& kind) = 0;
};

struct Core {
  store::Store& store;
  verbs::Verbs& verbs;
  kinds::Registry& registry;
  auth::Chains& chains;
  base::Runtime& runtime;
  base::Metrics& metrics;
  Feed& feed;
  EventRecorder& events;
  Hooks& hooks;
  Elsewhere* elsewhere = nullptr;   ///< null: in the server
  const PassOn* pass_on = nullptr;  ///< null or empty: there are no other servers
};

}  // namespace keelson::plugins
