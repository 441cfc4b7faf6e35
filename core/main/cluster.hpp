// Cluster: one running server, all parts wired. The only place that knows every module.
//
// Threads: start, stop and renew from one thread. Ownership: owns everything; stop() before destruction is implied.
#pragma once
#include <memory>
#include <string>

#include "core/base/error.hpp"
#include "core/base/runtime.hpp"
#include "core/main/settings.hpp"

namespace keelson::server {

/// From SIGTERM to the end of the process.
inline constexpr std::int64_t kStopWithin_ms = 1'500;

class Cluster {
 public:
  virtual ~Cluster() = default;
  virtual std::uint16_t port() const = 0;
  virtual std::string url() const = 0;
  /// Replaces certificates that are due, without a restart; to be called every kCertificateTurn_s.
  virtual void renew_certificates() = 0;
  virtual void stop() = 0;
};

base::Outcome<std::unique_ptr<Cluster>> start_cluster(const Settings& settings, base::Runtime& runtime);

}  // namespace keelson::server
