// MetricsServer: /metrics, /healthz and /readyz over plain HTTP, for who looks after the process.
//
// Threads: one of its own; `ready` is called on it and must be quick. Ownership: the destructor ends and joins it.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "core/base/error.hpp"
#include "core/base/metrics.hpp"
#include "core/base/runtime.hpp"

namespace keelson::remote {

/// A client has this long for its request.
inline constexpr std::int64_t kScrapeDeadline_ms = 10'000;

class MetricsServer {
 public:
  virtual ~MetricsServer() = default;
};

/// `address` is host:port. `ready` answers what is missing; empty: nothing.
base::Outcome<std::unique_ptr<MetricsServer>> serve_metrics(const std::string& address, base::Metrics& metrics, std::function<std::string()> ready, base::Runtime& runtime);

}  // namespace keelson::remote
