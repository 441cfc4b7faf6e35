// Observe: the request metrics, under upstream's names and with bounded labels.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/metrics.hpp"
#include "core/base/runtime.hpp"

namespace keelson::api {

/// What is known of one request when it ends.
struct Observation {
  base::Monotonic began = 0;
  // Texts of the request, of its kind and constants: seen while it ends.
  std::string_view verb;                          ///< upper case as upstream's metrics have it
  std::string_view group, version, resource, subresource, scope;
  bool dry_run = false;
  bool mutating = false;
  bool long_running = false;
};

struct RequestInfo;
/// The verb label: upper case, WATCH and LIST apart, "other" for unknown methods.
std::string_view info_verb(const RequestInfo& info, std::string_view method);

class Observer {
 public:
  Observer(base::Runtime& runtime, base::Metrics& metrics);
  void began(const Observation& request);
  /// A request turned out to be a stream.
  void became_stream(const Observation& request);
  void ended(const Observation& request, int status);
  /// Events sent to watchers of one resource; the handle lives as long as the metrics.
  base::Counter& watch_events(const std::string& group, const std::string& version, const std::string& resource);
  int in_flight() const { return reading_ + writing_; }

 private:
  struct Handles {
    base::Counter* count;
    base::Histogram* duration;
  };
  Handles& handles(const Observation& request, int status);

  base::Runtime& runtime_;
  base::Metrics& metrics_;
  std::atomic<int> reading_{0}, writing_{0}, streams_{0};
  std::shared_ptr<void> in_flight_metric_, streams_metric_;
  std::mutex mutex_;
  std::unordered_map<std::string, Handles> handles_;   // under mutex_; bounded by kinds x verbs x codes
};

/// Memory, processor time, descriptors and start time of this process.
std::vector<std::shared_ptr<void>> add_process_metrics(base::Runtime& runtime, base::Metrics& metrics);

}  // namespace keelson::api
