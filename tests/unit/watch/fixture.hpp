// A memory store with a hub on top, and clients that collect what a watch hands out as lines of text.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>

#include "core/base/simulated_runtime.hpp"
#include "core/watch/hub.hpp"

namespace keelson::watch_test {

using Labels = std::map<std::string, std::string>;

inline store::Draft draft(const std::string& ns, const std::string& name, const Labels& labels, const std::string& padding) {
  store::Columns columns;
  columns.key = {store::Atom("pods"), ns, name};
  for (const auto& [key, value] : labels) columns.labels.emplace_back(store::Atom(key), value);
  const auto node = labels.find("node");
  columns.fields = {node == labels.end() ? "" : node->second};
  const std::string head = R"({"metadata":{"resourceVersion":")";
  return store::Draft(std::move(columns), head + std::string(store::kRevisionSlotBytes, ' ') + "},\"x\":\"" + padding + "\"}", head.size());
}

class Bench {
 public:
  explicit Bench(std::unique_ptr<base::Runtime> runtime = base::real_runtime(), store::StoreOptions options = {}, watch::HubOptions hub = {})
      : runtime_(std::move(runtime)), metrics_(base::make_metrics()), store_(store::make_memory_store(*runtime_, *metrics_, options)), hub_(watch::make_hub(*store_, *runtime_, *metrics_, hub)) {}
  ~Bench() {
    hub_->stop();
    store_->stop();
    if (auto* virtual_time = dynamic_cast<base::SimulatedRuntime*>(runtime_.get())) virtual_time->settle();
  }

  base::SimulatedRuntime& simulated() { return dynamic_cast<base::SimulatedRuntime&>(*runtime_); }
  bool is_simulated() const { return dynamic_cast<base::SimulatedRuntime*>(runtime_.get()) != nullptr; }
  store::Store& store() { return *store_; }
  watch::Hub& hub() { return *hub_; }
  int encoded() const { return encoded_; }

  store::Revision put(const std::string& name, const Labels& labels, const std::string& padding = "", const std::string& ns = "default") {
    store::Commit commit;
    const store::Key key{store::Atom("pods"), ns, name};
    const bool exists = store_->snapshot().get(key) != nullptr;
    commit.writes.push_back({exists ? store::Operation::update : store::Operation::create, key, draft(ns, name, labels, padding)});
    return apply(std::move(commit));
  }
  store::Revision remove(const std::string& name, const std::string& ns = "default") {
    store::Commit commit;
    commit.writes.push_back({store::Operation::remove, {store::Atom("pods"), ns, name}, std::nullopt});
    return apply(std::move(commit));
  }
  store::Revision apply(store::Commit commit) {
    std::mutex mutex;
    std::condition_variable ready;
    std::optional<store::CommitOutcome> outcome;
    store_->commit(std::move(commit), [&](store::CommitOutcome result) {
      std::lock_guard lock(mutex);
      outcome = std::move(result);
      ready.notify_all();
    });
    if (is_simulated()) simulated().settle();
    std::unique_lock lock(mutex);
    ready.wait(lock, [&] { return outcome.has_value(); });
    if (!outcome->committed) throw std::runtime_error("commit refused");
    return outcome->committed->revision;
  }

  watch::Encoding encoding() {
    return {"text", [this](watch::EventType type, store::Revision revision, const store::ObjectRef& object, bool end) {
              ++encoded_;
              constexpr const char* kNames[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK"};
              std::string out = std::to_string(revision) + "|" + (object ? std::to_string(object->revision()) : "0") + "|" + kNames[static_cast<int>(type)];
              if (object) {
                out += " " + object->key().name;
                for (const auto& [key, value] : object->columns().labels) out.append(" ").append(key.text()).append("=").append(value);
                if (object->body().size() > 1000) out += std::string(object->body().size(), '.');
              }
              return std::make_shared<const std::string>(out + (end ? " end" : ""));
            }};
  }
  watch::WatchRequest everything() {
    watch::WatchRequest request;
    request.resource = store::Atom("pods");
    request.encoding = encoding();
    return request;
  }
  watch::WatchRequest from(store::Revision revision, std::string_view labels = "") {
    auto request = everything();
    kinds::Kind kind;
    request.selector = *watch::parse_selector(kind, labels, "");
    request.start = watch::WatchRequest::Start::at_revision;
    request.after = revision;
    return request;
  }

 private:
  std::unique_ptr<base::Runtime> runtime_;
  std::unique_ptr<base::Metrics> metrics_;
  std::unique_ptr<store::Store> store_;
  std::atomic<int> encoded_ = 0;
  std::unique_ptr<watch::Hub> hub_;
};

class Client final : public watch::WatchSink {
 public:
  Client(Bench& bench, watch::WatchRequest request) : Client(bench, bench.hub(), std::move(request)) {}
  Client(Bench& bench, watch::Hub& hub, watch::WatchRequest request) : bench_(bench), watch_(hub.watch(std::move(request), *this)) {}

  void wake() override {
    std::lock_guard lock(mutex_);
    woken_ = true;
    ready_.notify_all();
  }

  void ask_bookmark() { watch_->ask_bookmark(); }
  /// Takes what is there until nothing more comes at once.
  void drain() {
    std::size_t before;
    do {
      if (bench_.is_simulated()) bench_.simulated().settle();
      before = bytes_.size();
      if (auto taken = watch_->take(bytes_, 1 << 20); !taken) {
        error_ = taken.error();
        return;
      }
    } while (bytes_.size() > before);
  }
  /// Takes until `count` events came (or 20 s went by).
  std::vector<std::string> until(std::size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    for (drain(); bytes_.size() < count && !error_; drain()) {
      std::unique_lock lock(mutex_);
      if (!ready_.wait_until(lock, deadline, [&] { return std::exchange(woken_, false); })) break;
    }
    return texts();
  }

  std::vector<std::string> texts() const {
    std::vector<std::string> out;
    for (const auto& bytes : bytes_) out.push_back(bytes->substr(bytes->rfind('|') + 1));
    return out;
  }
  std::vector<store::Revision> revisions() const {
    std::vector<store::Revision> out;
    for (const auto& bytes : bytes_) out.push_back(std::stoull(*bytes));
    return out;
  }
  std::vector<store::Revision> body_revisions() const {
    std::vector<store::Revision> out;
    for (const auto& bytes : bytes_) out.push_back(std::stoull(bytes->substr(bytes->find('|') + 1)));
    return out;
  }
  const std::vector<watch::Bytes>& bytes() const { return bytes_; }
  const std::optional<base::Error>& error() const { return error_; }

 private:
  Bench& bench_;
  std::mutex mutex_;
  std::condition_variable ready_;
  bool woken_ = false;
  std::vector<watch::Bytes> bytes_;
  std::optional<base::Error> error_;
  std::unique_ptr<watch::Watch> watch_;   // last: destroyed first
};

}  // namespace keelson::watch_test
