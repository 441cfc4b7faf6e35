#include "core/store/live_store.hpp"

#include <algorithm>
#include <thread>

#include "core/store/committer.hpp"
#include "core/store/storage.hpp"

namespace keelson::store {
namespace {

constexpr std::size_t kRebuildPage = 1000;
constexpr std::size_t kRebuildChangesMax = 200'000;   // an exact read further back than this costs too much: 410

base::Error exact_read_expired() { return base::expired("The resourceVersion for the provided list is too old."); }

}  // namespace

struct Subscriber {
  std::mutex mutex;
  FeedSink* sink = nullptr;            // null once ended
  std::thread::id calling;             // default: nobody
  base::Waiter* end_waits = nullptr;

  bool enter() {
    std::lock_guard lock(mutex);
    if (sink) calling = std::this_thread::get_id();
    return sink != nullptr;
  }
  void leave() {
    std::lock_guard lock(mutex);
    calling = {};
    if (end_waits) end_waits->notify();
  }
  void end(base::Runtime& runtime) {
    std::unique_ptr<base::Waiter> waiter;
    {
      std::lock_guard lock(mutex);
      sink = nullptr;
      if (calling == std::thread::id() || calling == std::this_thread::get_id()) return;
      waiter = runtime.waiter();
      end_waits = waiter.get();
    }
    waiter->wait_until(base::kForever);
    std::lock_guard lock(mutex);   // leave() is out of notify()
  }
};

namespace {

class LiveSubscription final : public Subscription {
 public:
  LiveSubscription(std::shared_ptr<Subscriber> subscriber, base::Runtime& runtime) : subscriber_(std::move(subscriber)), runtime_(runtime) {}
  ~LiveSubscription() override { subscriber_->end(runtime_); }

 private:
  const std::shared_ptr<Subscriber> subscriber_;
  base::Runtime& runtime_;
};

}  // namespace

LiveStore::LiveStore(std::unique_ptr<Log> log, base::Runtime& runtime, base::Metrics& metrics)
    : runtime_(runtime), reclaimer_(std::make_shared<Reclaimer>(runtime)), state_(reclaimer_->share(std::make_unique<Snapshot::State>())), pins_(runtime),
      waits_(std::make_shared<RevisionWaits>(runtime)), log_(std::move(log)) {
  pins_.started(0);
  scrape_ = metrics.on_scrape("apiserver_storage_objects", "Number of stored objects by resource.", "gauge", [this](const auto& emit) {
    const Snapshot now = snapshot();
    for (const Atom resource : now.resources()) emit({{"resource", std::string(resource.text())}}, static_cast<double>(now.count(resource)));
  });
}

LiveStore::~LiveStore() {
  scrape_.reset();
  stop();
  log_.reset();
  pins_.clear();
  reclaimer_->close();
}

void LiveStore::load(std::vector<ObjectRef> objects, Revision revision) {
  auto state = std::make_unique<Snapshot::State>();
  for (std::span<ObjectRef> rest = objects; !rest.empty();) {
    const Atom resource = rest.front()->key().resource;
    const auto end = std::partition_point(rest.begin(), rest.end(), [&](const ObjectRef& object) { return object->key().resource == resource; });
    const auto count = static_cast<std::size_t>(end - rest.begin());
    state->tree_for(resource) = ObjectTree::of_sorted(rest.first(count));
    rest = rest.subspan(count);
  }
  state->revision = revision;
  state_.replace(reclaimer_->share(std::move(state)));
  pins_.started(revision);
  waits_->release(revision);
}

void LiveStore::install(std::vector<Change> changes) {
  if (changes.empty()) return;
  std::shared_ptr<const Snapshot::State> old = state_.read();
  auto next = std::make_unique<Snapshot::State>(*old);
  std::uint64_t bytes = 0;
  for (const Change& change : changes) {
    next->apply(change);
    bytes += change.object->body().size();
  }
  const Revision revision = next->revision = changes.back().revision;
  std::vector<std::shared_ptr<Subscriber>> subscribers;
  {
    std::lock_guard lock(mutex_);
    state_.replace(reclaimer_->share(std::move(next)));
    std::erase_if(subscribers_, [](const auto& each) {
      std::lock_guard subscriber_lock(each->mutex);
      return each->sink == nullptr;
    });
    subscribers = subscribers_;
  }
  {
    const InlineReclaim own_garbage;
    old.reset();
  }
  pins_.installed(revision, bytes);
  deliver(changes, subscribers);
  waits_->release(revision);
}

void LiveStore::deliver(const std::vector<Change>& changes, const std::vector<std::shared_ptr<Subscriber>>& subscribers) {
  for (const auto& subscriber : subscribers) {
    if (!subscriber->enter()) continue;
    subscriber->sink->on_changes(changes);
    subscriber->leave();
  }
}

// What became of a commit is told once a snapshot shows it.
template <class Done>
void LiveStore::show(CommitOutcome outcome, Revision as_of, Done done) {
  if (outcome.error || waits_->released(as_of)) return done(std::move(outcome));
  auto kept = std::make_shared<CommitOutcome>(std::move(outcome));
  waits_->add(as_of, base::kForever, [kept, done = std::move(done)](base::Outcome<Revision> shown) {
    if (shown) return done(std::move(*kept));
    done({{}, {}, shown.error()});
  });
}

void LiveStore::commit(Commit commit, OnCommit done) {
  log_->commit(std::move(commit), [this, done = std::move(done)](CommitOutcome outcome, Revision as_of) mutable { show(std::move(outcome), as_of, std::move(done)); });
}

void LiveStore::commit_each(std::vector<Commit> commits, OnEachCommit done) {
  log_->commit_each(std::move(commits), [this, done = std::make_shared<const OnEachCommit>(std::move(done))](std::size_t place, CommitOutcome outcome, Revision as_of) {
    show(std::move(outcome), as_of, [done, place](CommitOutcome shown) { (*done)(place, std::move(shown)); });
  });
}

void LiveStore::fresh(std::function<void(base::Outcome<Revision>)> done) {
  log_->fresh([this, done = std::move(done)](base::Outcome<Revision> revision) mutable {
    if (!revision) return done(std::move(revision));
    waits_->add(*revision, base::kForever, std::move(done));
  });
}

void LiveStore::wait_for(Revision revision, base::Monotonic deadline, std::function<void(base::Outcome<Revision>)> done) {
  waits_->add(revision, deadline, std::move(done));
}

std::pair<std::unique_ptr<Subscription>, Revision> LiveStore::subscribe(FeedSink& sink) {
  auto subscriber = std::make_shared<Subscriber>();
  subscriber->sink = &sink;
  auto subscription = std::make_unique<LiveSubscription>(subscriber, runtime_);
  std::lock_guard lock(mutex_);
  subscribers_.push_back(std::move(subscriber));
  return {std::move(subscription), state_.read()->revision};
}

base::Outcome<HistoryPage> LiveStore::history(Atom resource, Revision after, std::size_t changes_max) const {
  const Snapshot now = snapshot();
  if (after >= now.revision()) return HistoryPage{{}, after};
  return log_->history(resource, after, now, changes_max);
}

base::Outcome<ObjectRef> LiveStore::get_at(const Key& key, Revision revision) const {
  const Snapshot now = snapshot();
  if (revision > now.revision()) return base::too_large_revision(revision, now.revision());
  if (revision == now.revision()) return now.get(key);
  return log_->get_at(key, revision, now);
}

base::Outcome<Snapshot> LiveStore::snapshot_at(Revision revision, Atom resource) const {
  const Snapshot now = snapshot();
  if (revision > now.revision()) return base::too_large_revision(revision, now.revision());
  if (revision == now.revision()) return now;
  if (pins_.expired(revision)) return exact_read_expired();
  if (auto pinned = pins_.find(revision, resource)) return *pinned;
  auto rebuilt = rebuild(revision, resource);
  if (rebuilt) pins_.pin(revision, resource, *rebuilt);
  return rebuilt;
}

// The current state with everything undone that came after `revision`.
base::Outcome<Snapshot> LiveStore::rebuild(Revision revision, Atom resource) const {
  const std::shared_ptr<const Snapshot::State> current = state_.read();
  const Snapshot now(current);
  std::vector<Change> changes;
  for (Revision after = revision; after < now.revision();) {
    auto page = log_->history(resource, after, now, kRebuildPage);
    if (!page) return page.error().code == 410 ? exact_read_expired() : page.error();
    after = page->upto;
    changes.insert(changes.end(), std::make_move_iterator(page->changes.begin()), std::make_move_iterator(page->changes.end()));
    if (changes.size() > kRebuildChangesMax) return exact_read_expired();
  }
  auto state = std::make_unique<Snapshot::State>(*current);
  if (!resource.empty()) std::erase_if(state->trees, [&](const auto& entry) { return entry.first != resource; });
  for (auto change = changes.rbegin(); change != changes.rend(); ++change) state->undo(*change);
  state->revision = revision;
  return Snapshot(reclaimer_->share(std::move(state)));
}

void LiveStore::stop() {
  log_->stop();
  waits_->fail_all(base::unavailable("the store is stopping"));
}

base::Outcome<std::unique_ptr<Store>> make_store(std::unique_ptr<Log> log, base::Runtime& runtime, base::Metrics& metrics) {
  auto store = std::make_unique<LiveStore>(std::move(log), runtime, metrics);
  if (auto started = store->start(); !started) return started.error();
  return std::unique_ptr<Store>(std::move(store));
}

std::unique_ptr<Store> make_memory_store(base::Runtime& runtime, base::Metrics& metrics, StoreOptions options) {
  options.directory.clear();
  auto log = make_local_log(make_memory_storage(runtime, options), runtime, metrics, options);
  return std::move(make_store(std::move(log), runtime, metrics).value());   // a memory log has nothing that could fail
}

}  // namespace keelson::store
