// Metrics: a registry of counters, gauges and histograms, printed as Prometheus text. Upstream's names where upstream
// has one. A thin door over prometheus-cpp, whose headers stay in metrics.cc.
//
// Invariants: the set of label values is bounded by the caller (never a user agent, a path or an object's name).
// Threads: any; an increment is one relaxed atomic on a handle that the caller keeps.
// Ownership: handles are owned by the registry and live as long as it.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace keelson::base {

using Labels = std::map<std::string, std::string>;

class Counter {
 public:
  virtual ~Counter() = default;
  virtual void add(double n = 1) = 0;
};
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void set(double value) = 0;
  virtual void add(double n) = 0;
};
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void observe(double value) = 0;
};

class Metrics {
 public:
  virtual ~Metrics() = default;
  /// Same name and labels: same handle.
  virtual Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {}) = 0;
  virtual Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {}) = 0;
  virtual Histogram& histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds, const Labels& labels = {}) = 0;
  /// A value read at scrape time; returns a handle whose destruction removes it.
  virtual std::shared_ptr<void> on_scrape(const std::string& name, const std::string& help, const std::string& type, std::function<void(const std::function<void(const Labels&, double)>&)> collect) = 0;
  virtual std::string prometheus_text() const = 0;
};

std::unique_ptr<Metrics> make_metrics();

}  // namespace keelson::base
