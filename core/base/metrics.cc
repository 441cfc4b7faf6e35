// Cells are our own atomics; prometheus-cpp only prints them: its histogram takes a lock per observation.
#include "core/base/metric_part.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <mutex>

namespace keelson::base {
namespace {

class Cell {
 public:
  virtual ~Cell() = default;
  virtual void collect(prometheus::ClientMetric& out) const = 0;
};

/// What one thread at a time adds to and others may read.
template <class T>
void add_alone(std::atomic<T>& to, T n) { to.store(to.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }

/// The parts of a cell.
template <class Part>
class Parts {
 public:
  void add(const Part& part) {
    const std::lock_guard lock(mutex_);
    all_.push_back(&part);
  }
  /// `fold` puts into the whole what the part has counted.
  template <class Fold>
  void remove(const Part& part, Fold&& fold) {
    const std::lock_guard lock(mutex_);
    fold();
    std::erase(all_, &part);
  }
  /// `rest` looks at the whole, into which nothing is put meanwhile.
  template <class Visit, class Rest>
  void sum(Visit&& visit, Rest&& rest) const {
    const std::lock_guard lock(mutex_);
    for (const auto* part : all_) visit(*part);
    rest();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<const Part*> all_;
};

class CounterCell final : public Counter, public Cell {
 public:
  void add(double n) override { value_.fetch_add(n, std::memory_order_relaxed); }
  void collect(prometheus::ClientMetric& out) const override {
    parts_.sum([&](const Part& part) { out.counter.value += part.value(); }, [&] { out.counter.value += value_.load(std::memory_order_relaxed); });
  }

  class Part final : public Counter {
   public:
    explicit Part(CounterCell& whole) : whole_(whole) { whole_.parts_.add(*this); }
    ~Part() override { whole_.parts_.remove(*this, [this] { whole_.add(value()); }); }
    void add(double n) override { add_alone(value_, n); }
    double value() const { return value_.load(std::memory_order_relaxed); }

   private:
    CounterCell& whole_;
    std::atomic<double> value_{0};
  };

 private:
  std::atomic<double> value_{0};
  Parts<Part> parts_;
};

class GaugeCell final : public Gauge, public Cell {
 public:
  void set(double value) override { value_.store(value, std::memory_order_relaxed); }
  void add(double n) override { value_.fetch_add(n, std::memory_order_relaxed); }
  void collect(prometheus::ClientMetric& out) const override { out.gauge.value = value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

class HistogramCell final : public Histogram, public Cell {
 public:
  explicit HistogramCell(std::vector<double> bounds) : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {}
  void observe(double value) override {
    counts_[bucket_of(value)].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
  }
  void collect(prometheus::ClientMetric& out) const override {
    std::vector<std::uint64_t> counts(counts_.size());
    double sum = 0;
    const auto take = [&](const Counts& from, const std::atomic<double>& from_sum) {
      for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += from[i].load(std::memory_order_relaxed);
      sum += from_sum.load(std::memory_order_relaxed);
    };
    parts_.sum([&](const Part& part) { take(part.counts_, part.sum_); }, [&] { take(counts_, sum_); });
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      below += counts[i];
      const double bound = i < bounds_.size() ? bounds_[i] : std::numeric_limits<double>::infinity();
      out.histogram.bucket.push_back({below, bound});
    }
    out.histogram.sample_count = below;
    out.histogram.sample_sum = sum;
  }

  using Counts = std::vector<std::atomic<std::uint64_t>>;
  class Part final : public Histogram {
   public:
    explicit Part(HistogramCell& whole) : whole_(whole), counts_(whole.counts_.size()) { whole_.parts_.add(*this); }
    ~Part() override {
      whole_.parts_.remove(*this, [this] {
        for (std::size_t i = 0; i < counts_.size(); ++i) whole_.counts_[i].fetch_add(counts_[i].load(std::memory_order_relaxed), std::memory_order_relaxed);
        whole_.sum_.fetch_add(sum_.load(std::memory_order_relaxed), std::memory_order_relaxed);
      });
    }
    void observe(double value) override {
      if (!whole_.holds(last_, value)) last_ = whole_.bucket_of(value);
      add_alone(counts_[last_], std::uint64_t{1});
      add_alone(sum_, value);
    }

   private:
    friend class HistogramCell;
    HistogramCell& whole_;
    Counts counts_;
    std::atomic<double> sum_{0};
    std::size_t last_ = 0;   // bucket; the next value mostly belongs there too
  };

 private:
  bool holds(std::size_t bucket, double value) const { return (bucket == 0 || bounds_[bucket - 1] < value) && (bucket == bounds_.size() || value <= bounds_[bucket]); }
  std::size_t bucket_of(double value) const { return static_cast<std::size_t>(std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin()); }

  const std::vector<double> bounds_;
  Counts counts_;
  std::atomic<double> sum_{0};
  Parts<Part> parts_;
};

struct Family {
  std::string help;
  prometheus::MetricType type = prometheus::MetricType::Untyped;
  std::map<Labels, std::unique_ptr<Cell>> cells;
};

using Collect = std::function<void(const std::function<void(const Labels&, double)>&)>;

struct Scraped {
  std::string name, help;
  prometheus::MetricType type;
  std::mutex mutex;   // held while collecting, so that removal waits for a scrape under way
  Collect collect;
};

prometheus::MetricType type_of(const std::string& text) {
  if (text == "counter") return prometheus::MetricType::Counter;
  if (text == "gauge") return prometheus::MetricType::Gauge;
  return prometheus::MetricType::Untyped;
}

std::vector<prometheus::ClientMetric::Label> labels_of(const Labels& labels) {
  std::vector<prometheus::ClientMetric::Label> out;
  for (const auto& [name, value] : labels) out.push_back({name, value});
  return out;
}

class Registry final : public Metrics {
 public:
  Counter& counter(const std::string& name, const std::string& help, const Labels& labels) override {
    return cell<CounterCell>(name, help, prometheus::MetricType::Counter, labels);
  }
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels) override {
    return cell<GaugeCell>(name, help, prometheus::MetricType::Gauge, labels);
  }
  Histogram& histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds, const Labels& labels) override {
    return cell<HistogramCell>(name, help, prometheus::MetricType::Histogram, labels, bounds);
  }

  std::shared_ptr<void> on_scrape(const std::string& name, const std::string& help, const std::string& type, Collect collect) override {
    auto entry = std::make_shared<Scraped>();
    entry->name = name;
    entry->help = help;
    entry->type = type_of(type);
    entry->collect = std::move(collect);
    std::lock_guard lock(mutex_);
    scraped_.push_back(entry);
    return std::shared_ptr<void>(nullptr, [entry](void*) {
      std::lock_guard entry_lock(entry->mutex);
      entry->collect = nullptr;
    });
  }

  std::string prometheus_text() const override {
    std::map<std::string, prometheus::MetricFamily> families;
    std::vector<std::shared_ptr<Scraped>> scraped;
    {
      std::lock_guard lock(mutex_);
      collect_cells(families);
      std::erase_if(scraped_, [](const auto& entry) {
        std::lock_guard entry_lock(entry->mutex);
        return entry->collect == nullptr;
      });
      scraped = scraped_;
    }
    for (const auto& entry : scraped) collect_scraped(*entry, families);
    std::vector<prometheus::MetricFamily> list;
    for (auto& [name, family] : families) list.push_back(std::move(family));
    return prometheus::TextSerializer().Serialize(list);
  }

 private:
  template <class T, class... Args>
  T& cell(const std::string& name, const std::string& help, prometheus::MetricType type, const Labels& labels, Args&&... args) {
    std::lock_guard lock(mutex_);
    Family& family = families_[name];
    if (family.cells.empty()) {
      family.help = help;
      family.type = type;
    }
    auto& place = family.cells[labels];
    if (!place) place = std::make_unique<T>(std::forward<Args>(args)...);
    return dynamic_cast<T&>(*place);
  }

  void collect_cells(std::map<std::string, prometheus::MetricFamily>& out) const {
    for (const auto& [name, family] : families_) {
      auto& target = out[name];
      target.name = name;
      target.help = family.help;
      target.type = family.type;
      for (const auto& [labels, entry] : family.cells) {
        auto& metric = target.metric.emplace_back();
        metric.label = labels_of(labels);
        entry->collect(metric);
      }
    }
  }

  static void collect_scraped(Scraped& entry, std::map<std::string, prometheus::MetricFamily>& out) {
    std::lock_guard lock(entry.mutex);
    if (!entry.collect) return;
    auto& target = out[entry.name];
    target.name = entry.name;
    target.help = entry.help;
    target.type = entry.type;
    entry.collect([&](const Labels& labels, double value) {
      auto& metric = target.metric.emplace_back();
      metric.label = labels_of(labels);
      metric.counter.value = metric.gauge.value = metric.untyped.value = value;
    });
  }

  mutable std::mutex mutex_;
  std::map<std::string, Family> families_;
  mutable std::vector<std::shared_ptr<Scraped>> scraped_;
};

}  // namespace

std::unique_ptr<Counter> part_of(Counter& whole) { return std::make_unique<CounterCell::Part>(dynamic_cast<CounterCell&>(whole)); }
std::unique_ptr<Histogram> part_of(Histogram& whole) { return std::make_unique<HistogramCell::Part>(dynamic_cast<HistogramCell&>(whole)); }

std::unique_ptr<Metrics> make_metrics() { return std::make_unique<Registry>(); }

}  // namespace keelson::base
