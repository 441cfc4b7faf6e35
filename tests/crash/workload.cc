#include "tests/crash/workload.hpp"

#include <atomic>

namespace keelson::store::crash {
namespace {

const Atom kResource("things");
constexpr std::size_t kChangedBytesMax = 16;
constexpr std::uint64_t kChanges = 10'000;   // fewer digits than bytes that go: texts do not grow

std::string text_of(const Object& object) {
  const std::string_view body = object.body();
  const std::size_t begin = body.find("\"text\":\"") + 8;
  return std::string(body.substr(begin, body.size() - begin - 2));
}

Draft draft_of(const Key& key, const std::string& text) {
  std::string body = R"({"metadata":{"resourceVersion":")";
  const std::size_t slot = body.size();
  body.append(kRevisionSlotBytes, ' ');
  body += "},\"text\":\"" + text + "\"}";
  Columns columns;
  columns.key = key;
  columns.uid = "u-" + key.name;
  columns.labels = {{Atom("app"), "crash"}};
  return Draft(std::move(columns), std::move(body), slot);
}

Known known_of(const Change& change) {
  return {change.revision, change.type == ChangeType::deleted ? std::string() : text_of(*change.object)};
}

std::string about(const std::string& what, const std::string& key, Revision revision) {
  return what + ": key " + key + ", revision " + std::to_string(revision);
}

// The log from `since` on, applied to `base`; `unacknowledged` counts the changes that nobody was told of.
std::string replay(const Store& store, const Model& acknowledged, Model& base, Revision since, std::size_t& unacknowledged) {
  const Revision end = store.snapshot().revision();
  Revision last = since;
  while (last < end) {
    const auto page = store.history(kResource, last, 500);
    if (!page) return "history: " + page.error().message;
    for (const Change& change : page->changes) {
      if (change.revision <= last) return about("the log goes back", change.object->key().name, change.revision);
      last = change.revision;
      const std::string& name = change.object->key().name;
      Known& known = base[name];
      const Revision before = change.previous ? change.previous->revision() : 0;
      if (change.previous && before != known.revision) return about("the log skips a state", name, change.revision);
      if (change.previous && text_of(*change.previous) != known.text) return about("a state before differs", name, change.revision);
      known = known_of(change);
      const auto acked = acknowledged.find(name);
      if (acked == acknowledged.end() || change.revision > acked->second.revision) ++unacknowledged;
    }
    last = page->upto;
  }
  return {};
}

// Much or little of what there is.
std::string next_text(const ObjectRef& there, std::mt19937_64& random, std::size_t bytes_max) {
  if (!there || random() % 2 == 0) return std::string(1 + random() % bytes_max, static_cast<char>('a' + random() % 26)) + std::to_string(random());
  std::string text = text_of(*there);
  return text.replace(random() % text.size(), random() % kChangedBytesMax, std::to_string(random() % kChanges));
}

}  // namespace

Workload::Workload(Store& store, base::Runtime& runtime, std::uint64_t seed, std::size_t text_bytes_max, OnAck on_ack)
    : store_(store), runtime_(runtime), text_bytes_max_(text_bytes_max), on_ack_(std::move(on_ack)) {
  for (int writer = 0; writer < kWriters; ++writer)
    threads_.push_back(runtime.spawn("writer", [this, writer, seed] { write(writer, seed * kWriters + static_cast<std::uint64_t>(writer)); }));
}

Workload::~Workload() {
  stop_ = true;
  threads_.clear();
}

Commit next_commit(const Store& store, int writer, std::mt19937_64& random, std::size_t text_bytes_max) {
  const Snapshot now = store.snapshot();
  Commit commit;
  commit.cause = std::make_shared<const Cause>(Cause{"crash", std::to_string(random()), 0});
  const int first = static_cast<int>(random() % kKeysPerWriter);
  const int writes = 1 + static_cast<int>(random() % kWritesPerCommitMax);
  for (int i = 0; i < writes; ++i) {
    Write write;
    write.key = {kResource, "ns", "w" + std::to_string(writer) + "-" + std::to_string((first + i) % kKeysPerWriter)};
    const ObjectRef there = now.get(write.key);
    write.operation = !there ? Operation::create : random() % 4 == 0 ? Operation::remove : Operation::update;
    commit.expectations.push_back({write.key, there ? Expectation::Kind::at_revision : Expectation::Kind::absent, there ? there->revision() : 0});
    if (write.operation != Operation::remove) write.draft = draft_of(write.key, next_text(there, random, text_bytes_max));
    commit.writes.push_back(std::move(write));
  }
  return commit;
}

std::vector<bool> removals_of(const Commit& commit) {
  std::vector<bool> removed;
  for (const Write& write : commit.writes) removed.push_back(write.operation == Operation::remove);
  return removed;
}

std::vector<std::pair<std::string, Known>> acknowledged_by(const std::vector<bool>& removed, const Committed& committed) {
  std::vector<std::pair<std::string, Known>> acks;
  for (std::size_t i = 0; i < removed.size(); ++i) {
    const ObjectRef& object = committed.objects[i];
    acks.emplace_back(object->key().name, Known{object->revision(), removed[i] ? std::string() : text_of(*object)});
  }
  return acks;
}

void Workload::write(int writer, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto waiter = runtime_.waiter();
  while (!stop_) {
    Commit commit = next_commit(store_, writer, random, text_bytes_max_);
    const std::vector<bool> removed = removals_of(commit);
    bool committed = false;
    store_.commit(std::move(commit), [&](CommitOutcome outcome) {
      committed = outcome.committed.has_value();
      on_ack_(committed ? acknowledged_by(removed, *outcome.committed) : std::vector<std::pair<std::string, Known>>());
      waiter->notify();
    });
    waiter->wait_until(base::kForever);
    if (!committed) return;
  }
}

std::optional<CommitOutcome> committed(Store& store, base::Runtime& runtime, Commit commit) {
  struct Answer {
    std::unique_ptr<base::Waiter> waiter;
    std::atomic<bool> there{false};
    CommitOutcome outcome;
  };
  const auto answer = std::make_shared<Answer>();
  answer->waiter = runtime.waiter();
  store.commit(std::move(commit), [answer](CommitOutcome outcome) {
    answer->outcome = std::move(outcome);
    answer->there = true;
    answer->waiter->notify();
  });
  const auto deadline = runtime.in_ms(kAnswer_ms);
  while (!answer->there && runtime.monotonic_ns() < deadline) answer->waiter->wait_until(deadline);
  if (!answer->there) return std::nullopt;
  return std::move(answer->outcome);
}

Model state_of(const Store& store) {
  Model model;
  store.snapshot().scan(kResource, "", nullptr, [&](const ObjectRef& object) {
    model[object->key().name] = {object->revision(), text_of(*object)};
    return true;
  });
  return model;
}

std::string verify(const Store& store, const Model& acknowledged, const Model& base, Revision since) {
  Model replayed = base;
  std::size_t unacknowledged = 0;
  if (auto wrong = replay(store, acknowledged, replayed, since, unacknowledged); !wrong.empty()) return wrong;
  const Model state = state_of(store);
  for (const auto& [name, known] : replayed) {
    const auto found = state.find(name);
    const bool living = found != state.end();
    if (living == known.text.empty()) return about("state and log disagree whether it exists", name, known.revision);
    if (living && (found->second.revision != known.revision || found->second.text != known.text)) return about("state and log differ", name, known.revision);
  }
  for (const auto& [name, known] : acknowledged) {
    const auto found = replayed.find(name);
    if (found == replayed.end() || found->second.revision < known.revision) return about("ACKNOWLEDGED WRITE LOST", name, known.revision);
    if (found->second.revision == known.revision && found->second.text != known.text) return about("ACKNOWLEDGED WRITE CHANGED", name, known.revision);
  }
  if (unacknowledged > static_cast<std::size_t>(kWriters * kWritesPerCommitMax)) return "more unacknowledged changes than were under way: " + std::to_string(unacknowledged);
  return {};
}

}  // namespace keelson::store::crash
