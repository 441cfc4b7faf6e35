// bench_watch: watchers by field selector in one process: a store in memory, the hub, and no network. What opening one costs, in CPU and
// memory, and what a change costs that one of them is to hear of. Figures; not 0 when an event went astray.
// usage: bench_watch [watchers] [changes]

#include <atomic>
#include <cstdio>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/watch/hub.hpp"
#include "tests/bench/usage.hpp"

namespace keelson::watch {
namespace {

using usage::cpu_us;
using usage::resident_bytes;

constexpr std::size_t kBodyBytes = 1024;
constexpr int kUnderWay = 64;
constexpr std::size_t kStride = 999'983;      // a prime: nodes come in no order
constexpr std::int64_t kQuiet_ms = 30'000;   // nothing more comes

class Watcher;

/// Who was woken and has not taken yet.
class Woken {
 public:
  explicit Woken(base::Runtime& runtime) : waiter_(runtime.waiter()) {}
  void add(Watcher& one) {
    {
      const std::lock_guard lock(mutex_);
      all_.push_back(&one);
    }
    waiter_->notify();
  }
  std::vector<Watcher*> wait(base::Monotonic until) {
    waiter_->wait_until(until);
    const std::lock_guard lock(mutex_);
    return std::exchange(all_, {});
  }

 private:
  const std::unique_ptr<base::Waiter> waiter_;
  std::mutex mutex_;
  std::vector<Watcher*> all_;
};

class Watcher final : public WatchSink {
 public:
  Watcher(Hub& hub, WatchRequest request, Woken& woken) : woken_(woken), watch_(hub.watch(std::move(request), *this)) { take(); }
  void wake() override { woken_.add(*this); }
  /// How many events.
  std::size_t take() {
    std::vector<Bytes> some;
    for (std::size_t before = 0;; before = some.size()) {
      if (!watch_->take(some, kBodyBytes)) std::abort();
      if (some.size() == before) return before;
    }
  }

 private:
  Woken& woken_;
  std::unique_ptr<Watch> watch_;   // last: destroyed first
};

store::Commit pod(std::size_t number, bool exists) {
  store::Commit commit;
  const store::Key key{store::Atom("pods"), "default", "pod-" + std::to_string(number)};
  store::Columns columns;
  columns.key = key;
  columns.fields = {"node-" + std::to_string(number)};
  const std::string head = R"({"metadata":{"resourceVersion":")";
  std::string body = head + std::string(store::kRevisionSlotBytes, ' ') + "},\"x\":\"" + std::string(kBodyBytes, 'x') + "\"}";
  commit.writes.push_back({exists ? store::Operation::update : store::Operation::create, key, store::Draft(std::move(columns), std::move(body), head.size())});
  return commit;
}

WatchRequest of_node(std::size_t node, store::Revision after) {
  WatchRequest request;
  request.resource = store::Atom("pods");
  FieldRequirement field;
  field.target = FieldRequirement::Target::column;
  field.value = "node-" + std::to_string(node);
  request.selector.fields.push_back(std::move(field));
  request.encoding = {"body", [](EventType, store::Revision, const store::ObjectRef& object, bool) { return std::make_shared<const std::string>(object ? object->body() : std::string_view()); }};
  request.start = WatchRequest::Start::at_revision;
  request.after = after;
  return request;
}

class Run {
 public:
  Run(std::size_t watchers, std::size_t changes) : watchers_(watchers), changes_(changes) {}

  int all() {
    write(0, 1);   // so that there is a revision to watch from
    const double memory = resident_bytes(), cpu = cpu_us();
    const auto began = runtime_->monotonic_ns();
    const auto after = store_->snapshot().revision();
    std::vector<std::unique_ptr<Watcher>> watching;
    for (std::size_t i = 0; i < watchers_; ++i) watching.push_back(std::make_unique<Watcher>(*hub_, of_node(i, after), woken_));
    const double open_s = seconds_since(began), open_us = (cpu_us() - cpu) / static_cast<double>(watchers_), each = (resident_bytes() - memory) / static_cast<double>(watchers_);
    const bool whole = change();
    std::printf("{\"watchers\":%zu,\"open_s\":%.2f,\"open_cpu_us\":%.2f,\"bytes_each\":%.0f,\"changes\":%zu,\"events\":%zu,\"changes_per_s\":%.0f,\"cpu_us\":%.2f}\n", watchers_, open_s, open_us, each, changes_, events_,
                static_cast<double>(changes_) / change_s_, change_us_);
    watching.clear();
    hub_->stop();
    store_->stop();
    return whole ? 0 : 1;
  }

 private:
  double seconds_since(base::Monotonic began) const { return static_cast<double>(runtime_->monotonic_ns() - began) / 1e9; }

  /// The pod of every node is made in its turn, over all nodes, and then changed.
  void write(std::size_t first, std::size_t end) {
    std::atomic<std::size_t> started{first}, done{first};
    const auto waiter = runtime_->waiter();
    std::function<void()> next = [&] {
      const std::size_t i = started++;
      if (i >= end) return;
      store_->commit(pod(i * kStride % watchers_, i >= watchers_), [&](store::CommitOutcome outcome) {
        if (!outcome.committed) std::abort();
        if (++done == end) waiter->notify();
        else next();
      });
    };
    for (int i = 0; i < kUnderWay; ++i) next();
    waiter->wait_until(base::kForever);
  }

  bool change() {
    const double cpu = cpu_us();
    const auto began = runtime_->monotonic_ns();
    const auto writer = runtime_->spawn("writer", [this] { write(1, 1 + changes_); });
    for (auto quiet = runtime_->in_ms(kQuiet_ms); events_ < changes_ && runtime_->monotonic_ns() < quiet;) {
      for (Watcher* one : woken_.wait(quiet)) {
        events_ += one->take();
        quiet = runtime_->in_ms(kQuiet_ms);
      }
    }
    change_s_ = seconds_since(began);
    change_us_ = (cpu_us() - cpu) / static_cast<double>(changes_);
    return events_ == changes_;
  }

  const std::size_t watchers_, changes_;
  const std::unique_ptr<base::Runtime> runtime_ = base::real_runtime();
  const std::unique_ptr<base::Metrics> metrics_ = base::make_metrics();
  const std::unique_ptr<store::Store> store_ = store::make_memory_store(*runtime_, *metrics_);
  const std::unique_ptr<Hub> hub_ = make_hub(*store_, *runtime_, *metrics_);
  Woken woken_{*runtime_};
  std::size_t events_ = 0;
  double change_s_ = 0, change_us_ = 0;
};

}  // namespace
}  // namespace keelson::watch

int main(int count, char** arguments) {
  const auto number = [&](int at, std::size_t otherwise) { return count > at ? std::stoull(arguments[at]) : otherwise; };
  return keelson::watch::Run(number(1, 1'000'000), number(2, 200'000)).all();
}
