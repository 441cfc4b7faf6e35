// Core: what a hosted plugin reaches of the server. All references outlive every plugin.
#pragma once
#include "core/auth/auth.hpp"
#include "core/base/metrics.hpp"
#include "core/base/runtime.hpp"
#include "core/kinds/catalog.hpp"
#include "core/plugins/feed.hpp"
#include "core/store/store.hpp"
#include "core/verbs/verbs.hpp"

namespace keelson::plugins {

class EventRecorder;
class Hooks;

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
};

}  // namespace keelson::plugins
