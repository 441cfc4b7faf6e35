// Definitions: stored CustomResourceDefinitions become kinds that are served, their status says so, and with a definition go
// its objects.
//
// Invariants: a kind is served before its definition says that it is established; what was established is served again before
//   the constructor returns. A definition that is deleted keeps its finalizer until its last object is gone; meanwhile nothing
//   new is created under it.
// Threads: one of its own; the store's feed only notes names. Ownership: the parts outlive it; stop() ends the thread.
// Errors: a definition that cannot be served says why in its conditions; failed writes are tried again.
#pragma once
#include <memory>

#include "core/verbs/verbs.hpp"

namespace keelson::verbs {

/// A definition whose status could not be written is looked at again after this long.
inline constexpr std::int64_t kDefinitionRetry_ms = 200;

class Definitions {
 public:
  virtual ~Definitions() = default;
  virtual void stop() = 0;
};

std::unique_ptr<Definitions> make_definitions(store::Store& store, Verbs& verbs, kinds::Registry& registry, base::Runtime& runtime);

/// Finalizer and Terminating condition of a definition whose deletion begins.
void begin_definition_end(boost::json::value& definition, std::int64_t now_unix_s);

}  // namespace keelson::verbs
